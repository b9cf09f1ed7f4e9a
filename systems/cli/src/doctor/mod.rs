//! `rillcast doctor`: what of this machine is in the way of a relay, and the command that mends it.
//!
//! | file | what is looked at |
//! |---|---|
//! | `check` | one line of the result |
//! | `machine` | the files, limits and programs that are looked into |
//! | `kernel`, `sockets`, `offload`, `uring` | what the kernel can do, and how much it grants |
//! | `limits`, `clock` | open files, the source of time |
//! | `conntrack`, `firewall`, `balancer` | what stands in the way of packets, or can share them out |
//!
//! What is judged is a text (the content of a file, the output of a program) wherever possible, so that
//! the judgement is tested without the machine.

mod balancer;
mod check;
mod clock;
mod conntrack;
mod firewall;
mod kernel;
mod limits;
mod machine;
mod offload;
mod sockets;
mod uring;

use clap::Args;

use crate::failure::Failure;
use crate::output::Output;
use check::{Check, Summary};
use machine::Machine;

/// Options of `rillcast doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is ok, slow (it works, but costs more than it has to, or loses packets under load) or missing,
with the command that mends it. Lines marked as not needed do not count.
Exit code: 0 all is well, 1 something that is needed is slow or missing.")]
pub(crate) struct DoctorArgs {
    /// The port that RTSP is served on, for a look at the firewall
    #[arg(long, value_name = "PORT", default_value_t = 8554)]
    port: u16,
}

/// Looks at everything and prints a line for each.
///
/// # Errors
/// When something that is needed is slow or missing.
pub(crate) fn run(args: DoctorArgs, output: Output) -> Result<(), Failure> {
    let machine = Machine::here();
    let mut summary = Summary::new();
    for check in checks(&machine, args.port) {
        summary.count(&check);
        output.line(&check);
    }
    output.line(&summary);
    match summary.wanting() {
        0 => Ok(()),
        1 => Err(Failure::runtime("one line above wants mending")),
        many => Err(Failure::runtime(format!("{many} lines above want mending"))),
    }
}

fn checks(machine: &Machine, port: u16) -> Vec<Check> {
    let mut checks = vec![kernel::check(machine.read("proc/sys/kernel/osrelease").as_deref())];
    checks.extend(sockets::checks(|name| machine.read(&format!("proc/sys/net/core/{name}"))));
    checks.extend(offload::checks());
    checks.push(uring::check(
        uring::probe().as_ref().err(),
        machine.read("proc/sys/kernel/io_uring_disabled").as_deref(),
    ));
    checks.push(limits::check(limits::open_files()));
    checks.push(clock::check(|name| {
        machine.read(&format!("sys/devices/system/clocksource/clocksource0/{name}_clocksource"))
    }));
    checks.push(conntrack::check(|name| {
        machine.read(&format!("proc/sys/net/netfilter/nf_conntrack_{name}"))
    }));
    checks.push(firewall::check(&firewall::rules(machine), port));
    checks.extend(balancer::checks(machine));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_not_ok_says_how_to_mend_it() {
        let checks = checks(&Machine::here(), 8554);
        assert!(checks.len() > 10);
        for check in checks {
            assert!(check.is_ok() || check.mends_itself(), "{check}");
        }
    }

    #[test]
    fn a_machine_of_which_nothing_can_be_read_is_told_so() {
        // No panic, and no line that claims what nobody has seen.
        let checks = checks(&Machine::at("/nowhere/at/all".into()), 8554);
        let kernel = checks.first().map(ToString::to_string).unwrap_or_default();
        assert!(kernel.contains("missing") && kernel.contains("cannot be read"), "{kernel}");
    }
}
