//! Who is let in.

use super::*;
use crate::proxy::pluggable::directory::open;

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { user: user.into(), password: password.into() }
}

async fn manager(is_open: bool) -> AuthenticationManager {
    AuthenticationManager::new(open(":memory:").await.unwrap(), is_open).unwrap()
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn an_account_from_its_making_to_its_end() {
    let manager = manager(true).await;
    let alice = credentials("alice", "tulip");
    assert!(matches!(manager.log_in(&alice, HERE).await, Err(Error::Wrong)));
    manager.subscribe(&alice, HERE).await.unwrap();
    assert!(matches!(manager.subscribe(&alice, HERE).await, Err(Error::Exists)));
    manager.log_in(&alice, HERE).await.unwrap();
    let rose = credentials("alice", "rose");
    assert!(matches!(manager.log_in(&rose, HERE).await, Err(Error::Wrong)));
    assert!(matches!(manager.unsubscribe(&rose, HERE).await, Err(Error::Wrong)));
    assert!(manager.set_password(&rose).await.unwrap());
    // What was right a moment ago is not any more.
    assert!(matches!(manager.log_in(&alice, HERE).await, Err(Error::Wrong)));
    manager.log_in(&rose, HERE).await.unwrap();
    manager.unsubscribe(&rose, HERE).await.unwrap();
    assert!(matches!(manager.log_in(&rose, HERE).await, Err(Error::Wrong)));
    assert!(!manager.set_password(&rose).await.unwrap());
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_nobody_else() {
    let manager = manager(true).await;
    let alice = credentials("alice", "tulip");
    manager.add(&alice).await.unwrap();
    let attacker = IpAddr::from([203, 0, 113, 7]);
    let mut wrong = 0;
    let blocked = loop {
        match manager.log_in(&credentials("alice", "guess"), attacker).await {
            Err(Error::Wrong) => wrong += 1,
            other => break other,
        }
    };
    let Err(error @ Error::Blocked(_)) = blocked else { panic!("{blocked:?}") };
    // One more is let through every six seconds, and each takes its time.
    assert!(wrong >= 10, "{wrong}");
    let report = error.report();
    assert_eq!(report.code, ErrorCode::TooManyRequests);
    assert!(report.retry_after.is_some_and(|seconds| seconds > 0));
    assert!(matches!(manager.log_in(&alice, attacker).await, Err(Error::Blocked(_))));
    assert!(matches!(
        manager.subscribe(&credentials("b", "b"), attacker).await,
        Err(Error::Blocked(_))
    ));
    manager.log_in(&alice, HERE).await.unwrap();
}

#[tokio::test]
async fn who_guesses_by_many_at_once_wins_nothing() {
    let manager = Arc::new(manager(true).await);
    manager.add(&credentials("alice", "tulip")).await.unwrap();
    let attacker = IpAddr::from([203, 0, 113, 7]);
    let guesses: Vec<_> = (0..40)
        .map(|n| {
            let manager = manager.clone();
            let guess = credentials("alice", &format!("guess {n}"));
            tokio::spawn(async move { manager.log_in(&guess, attacker).await })
        })
        .collect();
    let mut wrong = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            Err(Error::Wrong) => wrong += 1,
            other => assert!(matches!(other, Err(Error::Blocked(_))), "{other:?}"),
        }
    }
    // Those that were being looked at when the last one was wrong are told, too.
    assert!((10..=15).contains(&wrong), "{wrong}");
}

#[tokio::test]
async fn names_that_are_none() {
    let manager = manager(false).await;
    assert!(matches!(manager.subscribe(&credentials("a", "b"), HERE).await, Err(Error::Closed)));
    for name in ["", "a b", "a\nb", &"x".repeat(65)] {
        assert!(matches!(manager.add(&credentials(name, "b")).await, Err(Error::Name)), "{name:?}");
    }
}
