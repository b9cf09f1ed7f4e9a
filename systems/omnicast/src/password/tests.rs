//! Hashes, and the memory they take.

use std::thread;

use argon2::password_hash::PasswordHasher as _;

use super::memory::LIMIT;
use super::*;

/// The password `tulip`, hashed by the library alone, at little cost.
fn cheap() -> String {
    let params = Params::new(64, 1, 2, Some(24)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password(b"tulip").unwrap();
    hash.to_string()
}

#[test]
fn hashes_have_their_own_salt() {
    let (one, two) = (hash("tulip").unwrap(), hash("tulip").unwrap());
    assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && one != two);
    assert_eq!((verify(&one, "tulip"), verify(&two, "tulip")), (Ok(true), Ok(true)));
    assert_eq!(verify(&one, "rose"), Ok(false));
}

#[test]
fn many_verifications_share_a_few_memories() {
    let (memories, hash) = (Memories::new(), cheap());
    let ask = |n: usize| {
        let (password, right) = if n.is_multiple_of(2) { ("tulip", true) } else { ("rose", false) };
        assert_eq!(verify_in(&memories, &hash, password), Ok(right));
        let state = memories.state();
        state.idle.len() + state.in_use
    };
    let most = thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> = (0..64).map(|n| scope.spawn(move || ask(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max()
    });
    assert!(most <= Some(LIMIT), "{most:?}");
    let state = memories.state();
    assert_eq!((state.idle.len(), state.in_use), (1, 0));
}

#[test]
fn all_of_them_are_used_again() {
    let memories = Memories::new();
    let taken: Vec<_> = (0..LIMIT).map(|_| memories.take()).collect();
    assert_eq!(memories.state().in_use, LIMIT);
    let next = thread::scope(|scope| {
        let next = scope.spawn(|| drop(memories.take()));
        drop(taken);
        next.join()
    });
    assert!(next.is_ok());
    let state = memories.state();
    assert_eq!((state.idle.len(), state.in_use), (1, 0));
}

#[test]
fn what_takes_more_than_usual_is_not_kept() {
    let memories = Memories::new();
    assert_eq!(memories.take().blocks(40 * 1024).map(|blocks| blocks.len()), Some(40 * 1024));
    assert!(memories.state().idle.is_empty());
    assert_eq!(memories.take().blocks(64).map(|blocks| blocks.len()), Some(64));
    assert_eq!(memories.state().idle.len(), 1);
}

#[test]
fn costs_are_bounded() {
    let with = |costs| {
        check(&format!("$argon2id$v=19${costs},p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaQaw"))
    };
    assert_eq!(with("m=65536,t=3"), Ok(()));
    assert_eq!(with("m=4194304,t=1"), Err(Error::Memory(4_194_304)));
    assert_eq!(with("m=262144,t=9"), Err(Error::Cost));
    assert_eq!(check("tulip"), Err(Error::Format));
    assert_eq!(check("$argon2id$"), Err(Error::Format));
}
