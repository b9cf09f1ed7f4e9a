use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::*;

/// Counts how often it was left, and looks whether it is as it was lent.
#[derive(Default)]
struct Guest {
    number: u64,
    twin: u64,
}

static GUESTS: Slots<Guest> = Slots::new(0x41, "guest");
static LEFT: AtomicUsize = AtomicUsize::new(0);

impl Tenant for Guest {
    type Own = u64;

    fn slots() -> &'static Slots<Guest> {
        &GUESTS
    }

    fn leave(vacancy: Vacancy<Guest>) {
        LEFT.fetch_add(1, Ordering::Relaxed);
        drop(vacancy);
    }
}

/// The tests share the slots, and a count of them: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lend(number: u64) -> u64 {
    let mut vacancy = Vacancy::<Guest>::any().expect("room");
    *vacancy.body() = Guest { number, twin: number };
    vacancy.lend()
}

fn refused(number: u64) -> String {
    Lent::<Guest>::of(number).err().map(|failure| failure.text).unwrap_or_default()
}

#[test]
fn one_at_a_time_works_with_what_is_its_own() {
    let _alone = alone();
    let number = lend(7);
    let mut sole = Sole::<Guest>::of(number).expect("lent");
    *sole.parts().1 += 5;
    let busy = Sole::<Guest>::of(number).err().expect("another one has it");
    assert_eq!(busy.status, rill_status::RILL_ERROR_BUSY);
    // Others look at it, and take its number back, meanwhile.
    assert_eq!(Lent::<Guest>::of(number).expect("lent").number, 7);
    drop(sole);
    let mut sole = Sole::<Guest>::of(number).expect("nobody else has it");
    assert!(!Lent::<Guest>::take_back(number).expect("lent").is_last());
    assert_eq!((sole.parts().0.number, *sole.parts().1), (7, 5));
    let left = LEFT.load(Ordering::Relaxed);
    drop(sole);
    assert_eq!(LEFT.load(Ordering::Relaxed), left + 1);
    assert!(Sole::<Guest>::of(number).is_err());
}

#[test]
fn every_index_has_a_place_of_its_own() {
    let mut next = (0, 0);
    for index in 0..10 * FIRST {
        assert_eq!(place(index), next);
        next.1 += 1;
        if next.1 == FIRST << next.0 {
            next = (next.0 + 1, 0);
        }
    }
    assert_eq!(place(SLOTS - 1), (BLOCKS - 1, (FIRST << (BLOCKS - 1)) - 1));
    assert_eq!(place(SLOTS).0, BLOCKS);
}

#[test]
fn stale_and_foreign_numbers_are_refused() {
    let _alone = alone();
    let number = lend(7);
    assert_eq!(Lent::<Guest>::of(number).expect("lent").number, 7);
    let held = Lent::<Guest>::of(number).expect("lent");
    let left = LEFT.load(Ordering::Relaxed);
    drop(Lent::<Guest>::take_back(number).expect("lent"));
    assert_eq!(refused(number), "the guest was freed");
    assert!(Lent::<Guest>::take_back(number).is_err());
    // Not yet lent again, nor before its time.
    assert_eq!(refused(number + (1 << INDEX_BITS)), "the guest was freed");
    assert_eq!((held.number, LEFT.load(Ordering::Relaxed)), (7, left));
    drop(held);
    assert_eq!(LEFT.load(Ordering::Relaxed), left + 1);
    assert_eq!(refused(number + (1 << INDEX_BITS)), "the guest was freed");
    // The slot is used again, the number is not.
    let second = lend(8);
    assert_eq!(second, number + (1 << INDEX_BITS));
    assert_eq!(refused(number), "the guest was freed");
    assert_eq!(refused(0), "the guest is NULL");
    assert_eq!(refused(number | 1 << (KIND_SHIFT + 1)), "this is not a guest");
    assert_eq!(refused(second | INDEX_MASK), "the guest was freed");
    assert!(Lent::<Guest>::take_back(second).is_ok());
}

#[test]
fn a_slot_without_generations_left_is_retired() {
    let _alone = alone();
    let vacancy = Vacancy::<Guest>::any().expect("room");
    let index = vacancy.index;
    vacancy.slot.word.begin_at(u32::MAX);
    let last = vacancy.lend();
    drop(Lent::<Guest>::take_back(last).expect("lent"));
    assert_eq!(refused(last), "the guest was freed");
    let next = Vacancy::<Guest>::any().expect("room");
    assert_ne!(next.index, index);
}

#[test]
fn chains_give_back_what_was_put_in() {
    let _alone = alone();
    let returned = Returned::<Guest>::default();
    let indices: Vec<u32> = (0..100)
        .map(|_| {
            let vacancy = Vacancy::any().expect("room");
            let index = vacancy.index;
            // Dropped vacancies would be the same one each time.
            returned.push(vacancy);
            index
        })
        .collect();
    let mut chain = returned.take();
    assert!(returned.take().pop().is_none());
    let mut seen = Vec::new();
    while let Some(vacancy) = chain.pop() {
        seen.push(vacancy.index);
        returned.push(vacancy);
    }
    seen.reverse();
    assert_eq!((seen.len() as u32, returned.added()), (100, 200));
    assert_eq!(seen, indices);
    drop(returned.close());
    // What comes later is dropped.
    let late = Vacancy::any().expect("room");
    let index = late.index;
    returned.push(late);
    assert_eq!(Vacancy::<Guest>::any().expect("room").index, index);
}

/// Threads that look at, and take back, numbers that others lend and take back too: each is taken back once, and whoever
/// has a reference sees the body as it was lent.
#[test]
fn threads_that_race_for_a_number_never_see_it_half() {
    const THREADS: usize = 4;
    const NUMBERS: u64 = 300;
    let _alone = alone();
    let left = LEFT.load(Ordering::Relaxed);
    let (taken, shown) = (AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while shown.load(Ordering::Acquire) != u64::MAX {
                    let number = shown.load(Ordering::Acquire);
                    if let Ok(guest) = Lent::<Guest>::of(number) {
                        assert_eq!(guest.number, guest.twin);
                    }
                    if let Ok(guest) = Lent::<Guest>::take_back(number) {
                        assert_eq!(guest.number, guest.twin);
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    // On few processors the one that lends is among those that wait.
                    std::thread::yield_now();
                }
            });
        }
        for round in 1..=NUMBERS {
            let number = lend(round);
            shown.store(number, Ordering::Release);
            while Lent::<Guest>::of(number).is_ok() {
                std::thread::yield_now();
            }
        }
        shown.store(u64::MAX, Ordering::Release);
    });
    assert_eq!(taken.load(Ordering::Relaxed) as u64, NUMBERS);
    assert_eq!(LEFT.load(Ordering::Relaxed) - left, NUMBERS as usize);
}
