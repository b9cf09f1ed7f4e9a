//! Whether a packet filter lets players in.

use super::check::Check;
use super::machine::{Machine, Said};

const NAME: &str = "firewall";

/// The rules of the packet filter, in the form of the program that could print them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// `nft list ruleset`.
    Nft(String),
    /// `iptables-save`.
    Iptables(String),
    /// Only root may look.
    Hidden,
    /// There is no program that could tell.
    Unknown,
}

/// Asks nft, and iptables where that is not installed.
pub(super) fn rules(machine: &Machine) -> Rules {
    match machine.output("nft", &["list", "ruleset"]) {
        Said::Text(text) => Rules::Nft(text),
        Said::Refused => Rules::Hidden,
        Said::NoProgram => match machine.output("iptables-save", &[]) {
            Said::Text(text) => Rules::Iptables(text),
            Said::Refused => Rules::Hidden,
            Said::NoProgram => Rules::Unknown,
        },
    }
}

/// Judges the rules: a chain of incoming packets that drops by default has to name the port.
pub(super) fn check(rules: &Rules, port: u16) -> Check {
    match rules {
        Rules::Nft(text) => match closed_by_nft(text, port) {
            None => Check::ok(NAME, format!("nothing drops TCP to port {port}")),
            Some(chain) => closed(port, format!("nft add rule {chain} tcp dport {port} accept")),
        },
        Rules::Iptables(text) if closed_by_iptables(text, port) => {
            closed(port, format!("iptables -I INPUT -p tcp --dport {port} -j ACCEPT"))
        }
        Rules::Iptables(_) => Check::ok(NAME, format!("nothing drops TCP to port {port}")),
        Rules::Hidden => {
            let found = "its rules can be read by root only";
            Check::missing(NAME, found, "sudo rillcast doctor").not_needed()
        }
        Rules::Unknown => Check::ok(NAME, "neither nft nor iptables is installed"),
    }
}

fn closed(port: u16, mend: String) -> Check {
    let found = format!(
        "incoming packets are dropped and no rule names TCP port {port}; players over UDP need none \
         of their own, publishers over UDP need the high ports"
    );
    Check::missing(NAME, found, mend)
}

/// The family, table and name of a base chain of incoming packets that drops what no rule of it accepts,
/// when no rule names the port.
fn closed_by_nft(text: &str, port: u16) -> Option<String> {
    let (mut table, mut chain) = ("", "");
    let mut closed: Option<String> = None;
    let mut named = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = begins(line, "table ") {
            table = name;
        } else if let Some(name) = begins(line, "chain ") {
            chain = name;
        } else if line.contains("hook input") && line.contains("policy drop") {
            closed.get_or_insert_with(|| format!("{table} {chain}"));
        } else if line.contains("accept") || line.contains("dport") {
            named |= names(line, port);
        }
    }
    closed.filter(|_| !named)
}

/// The name in `table inet filter {`.
fn begins<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    Some(line.strip_prefix(word)?.trim_end_matches('{').trim())
}

fn closed_by_iptables(text: &str, port: u16) -> bool {
    let drops = |line: &str| line.starts_with(":INPUT DROP") || line.starts_with(":INPUT REJECT");
    let accepts = |line: &str| line.starts_with("-A INPUT") && names(line, port);
    text.lines().any(drops) && !text.lines().any(accepts)
}

/// Whether a rule names the port: by itself, or within a range.
fn names(rule: &str, port: u16) -> bool {
    let words = rule.split(|c: char| !(c.is_ascii_digit() || c == '-' || c == ':'));
    words.filter(|word| !word.is_empty()).any(|word| match word.split_once(['-', ':']) {
        None => word.parse() == Ok(port),
        Some((low, high)) => match (low.parse::<u16>(), high.parse::<u16>()) {
            (Ok(low), Ok(high)) => (low..=high).contains(&port),
            _ => false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROPS: &str = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; \
        policy drop;\n\t\tct state established,related accept\n\t\ttcp dport { 22, 80 } accept\n\t}\n\
        \tchain output {\n\t\ttype filter hook output priority filter; policy accept;\n\t}\n}\n";

    fn nft(text: &str) -> String {
        check(&Rules::Nft(text.to_owned()), 8554).to_string()
    }

    #[test]
    fn a_chain_that_drops_and_does_not_name_the_port_is_found() {
        let text = nft(DROPS);
        assert!(text.contains("nft add rule inet filter input tcp dport 8554 accept"), "{text}");
        assert!(nft(&DROPS.replace("80 }", "8554 }")).starts_with("ok"));
        assert!(nft(&DROPS.replace("80 }", "8000-9000 }")).starts_with("ok"));
        assert!(nft(&DROPS.replace("policy drop", "policy accept")).starts_with("ok"));
        assert!(nft("").starts_with("ok"));
    }

    #[test]
    fn iptables_is_understood() {
        let iptables = |text: &str| check(&Rules::Iptables(text.to_owned()), 8554).to_string();
        let drops = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n";
        assert!(iptables(drops).contains("iptables -I INPUT -p tcp --dport 8554 -j ACCEPT"));
        assert!(iptables(&drops.replace("22", "8550:8560")).starts_with("ok"));
        assert!(iptables(&drops.replace("DROP", "ACCEPT")).starts_with("ok"));
    }

    #[test]
    fn what_cannot_be_seen_is_not_claimed() {
        assert!(check(&Rules::Hidden, 1).to_string().contains("sudo rillcast doctor"));
        assert!(check(&Rules::Unknown, 1).is_ok());
    }
}
