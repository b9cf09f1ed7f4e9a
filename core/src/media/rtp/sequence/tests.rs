use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn classes(numbers: &[u16]) -> Vec<Class> {
    let mut sequence = Sequence::default();
    numbers.iter().map(|&number| sequence.receive(number).class).collect()
}

#[test]
fn gap_then_late_then_duplicate() {
    use Class::*;
    assert_eq!(
        classes(&[10, 11, 14, 12, 12, 13, 14, 15]),
        [InOrder, InOrder, Gap(2), Late, Duplicate, Late, Duplicate, InOrder]
    );
}

#[test]
fn wraps_without_a_gap() {
    let mut sequence = Sequence::default();
    let before = sequence.receive(u16::MAX);
    let after = sequence.receive(0);
    assert_eq!(after.class, Class::InOrder);
    assert_eq!(after.extended, before.extended + 1);
    assert_eq!(sequence.receive(u16::MAX).class, Class::Duplicate);
}

#[test]
fn packet_older_than_the_first_is_late_not_a_restart() {
    assert_eq!(classes(&[0, u16::MAX]), [Class::InOrder, Class::Late]);
}

#[test]
fn one_stray_packet_is_no_restart() {
    use Class::*;
    assert_eq!(classes(&[10, 30_000, 11, 12]), [InOrder, Suspect, InOrder, InOrder]);
}

#[test]
fn two_consecutive_far_packets_are_a_restart_and_numbers_go_on_upwards() {
    let mut sequence = Sequence::default();
    let old = sequence.receive(50_000).extended;
    assert_eq!(sequence.receive(7).class, Class::Suspect);
    let new = sequence.receive(8);
    assert_eq!(new.class, Class::Restart);
    assert!(new.extended > old);
    assert_eq!(new.extended as u16, 8);
    assert_eq!(sequence.receive(9).class, Class::InOrder);
}

#[test]
fn largest_dropout_is_a_gap_and_one_more_is_suspect() {
    assert_eq!(classes(&[0, MAX_DROPOUT])[1], Class::Gap(u64::from(MAX_DROPOUT) - 1));
    assert_eq!(classes(&[0, MAX_DROPOUT + 1])[1], Class::Suspect);
}

#[test]
fn history_knows_what_was_received() {
    let mut sequence = Sequence::default();
    let first = sequence.receive(100).extended;
    sequence.receive(102);
    assert!(sequence.is_received(first));
    assert!(!sequence.is_received(first + 1));
    assert!(sequence.is_received(first + 2));
    assert!(!sequence.is_received(first + 3));
}

proptest! {
    #[test]
    fn bounded_disorder_agrees_with_a_set(
        start in any::<u16>(),
        steps in prop::collection::vec(-400i64..400, 1..300),
    ) {
        let mut sequence = Sequence::default();
        let base = sequence.receive(start).extended;
        let mut seen = HashSet::from([base]);
        let mut highest = base;
        for step in steps {
            let number = highest.saturating_add_signed(step).max(1 << 16);
            let place = sequence.receive(number as u16);
            let expected = if number > highest {
                if number == highest + 1 { Class::InOrder } else { Class::Gap(number - highest - 1) }
            } else if seen.contains(&number) {
                Class::Duplicate
            } else {
                Class::Late
            };
            prop_assert_eq!(place, Place { extended: number, class: expected });
            seen.insert(number);
            highest = highest.max(number);
            prop_assert_eq!(sequence.highest(), Some(highest));
        }
    }

    #[test]
    fn any_numbers_keep_the_low_bits(numbers in prop::collection::vec(any::<u16>(), 0..500)) {
        let mut sequence = Sequence::default();
        for number in numbers {
            prop_assert_eq!(sequence.receive(number).extended as u16, number);
        }
    }
}
