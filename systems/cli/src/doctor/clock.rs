//! Where the kernel takes the time from: asked for several times a millisecond.

use super::check::Check;

const NAME: &str = "time source";
/// Those that are read without entering the kernel.
const FAST: [&str; 5] =
    ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "timebase"];
const FILE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// Judges `current_clocksource`, with a look into `available_clocksource`.
pub(super) fn check(read: impl Fn(&str) -> Option<String>) -> Check {
    let Some(current) = read("current") else {
        return Check::missing(NAME, "it cannot be read", "mount -t sysfs sys /sys").not_needed();
    };
    if FAST.contains(&current.as_str()) {
        return Check::ok(NAME, current);
    }
    let found = format!("{current}, which costs a system call or more each time");
    let available = read("available").unwrap_or_default();
    match available.split_whitespace().find(|source| FAST.contains(source)) {
        Some(fast) => Check::slow(NAME, found, format!("echo {fast} > {FILE}")),
        None => Check::slow(NAME, found, "boot with tsc=reliable, if the processor's counter is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_source_is_named_where_there_is_one() {
        let of = |current: &'static str, available: &'static str| {
            check(|name| Some(if name == "current" { current } else { available }.to_owned()))
        };
        assert!(of("tsc", "tsc hpet").is_ok() && of("kvm-clock", "").is_ok());
        let text = of("hpet", "hpet tsc acpi_pm").to_string();
        assert!(text.contains("echo tsc >"), "{text}");
        assert!(of("hpet", "hpet acpi_pm").to_string().contains("tsc=reliable"));
        assert!(check(|_| None).to_string().starts_with("missing"));
    }
}
