//! Connection tracking: when its table is full, new viewers get nothing.

use super::check::Check;

const NAME: &str = "connection tracking";

/// Judges `nf_conntrack_count` and `nf_conntrack_max`.
pub(super) fn check(read: impl Fn(&str) -> Option<String>) -> Check {
    let number = |name| read(name).and_then(|text| text.parse::<u64>().ok());
    let (Some(count), Some(max)) = (number("count"), number("max")) else {
        return Check::ok(NAME, "not loaded");
    };
    let found = format!("{count} of {max} connections tracked");
    // 80 per cent.
    if count.saturating_mul(5) < max.saturating_mul(4) {
        return Check::ok(NAME, found);
    }
    let more = max.saturating_mul(4);
    Check::slow(
        NAME,
        format!("{found}: when the table is full, packets of new viewers are dropped"),
        format!("sysctl -w net.netfilter.nf_conntrack_max={more}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_nearly_full_is_slow() {
        let of =
            |count: u64| check(|name| Some(if name == "count" { count } else { 1000 }.to_string()));
        assert!(of(799).is_ok());
        let text = of(800).to_string();
        assert!(text.starts_with("slow") && text.contains("nf_conntrack_max=4000"), "{text}");
        assert!(check(|_| None).is_ok());
        assert!(check(|_| Some(u64::MAX.to_string())).mends_itself());
    }
}
