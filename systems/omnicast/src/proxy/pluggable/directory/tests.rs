//! Both directories do the same.

use std::time::Duration;

use super::*;
use crate::NodeId;
use crate::proxy::service::topology::{Entry, Term};
use crate::proxy::test_server::{Folder, Server};

fn account(user: &str) -> Account {
    Account { user: user.into(), hash: format!("hash of {user}"), created: 7 }
}

/// What every directory does.
async fn conforms(directory: &dyn Directory) {
    for user in ["b", "a'; DROP TABLE account; --", "c"] {
        assert!(directory.add(&account(user)).await.unwrap());
    }
    let other = Account { hash: "other".into(), ..account("b") };
    assert!(!directory.add(&other).await.unwrap(), "there is one of that name");
    assert_eq!(directory.look_up("b").await.unwrap(), Some(account("b")));
    assert_eq!(directory.look_up("B").await.unwrap(), None);
    let names = |accounts: Vec<Account>| accounts.into_iter().map(|a| a.user).collect::<Vec<_>>();
    assert_eq!(names(directory.list("", 2).await.unwrap()), ["a'; DROP TABLE account; --", "b"]);
    assert_eq!(names(directory.list("b", 2).await.unwrap()), ["c"]);
    assert!(directory.set_hash("c", "new").await.unwrap());
    assert_eq!(directory.look_up("c").await.unwrap().unwrap().hash, "new");
    assert!(!directory.set_hash("d", "new").await.unwrap());
    assert!(directory.remove("b").await.unwrap());
    assert!(!directory.remove("b").await.unwrap());
    assert_eq!(directory.value("key").await.unwrap(), None);
    assert_eq!(directory.shared_value("key", "first").await.unwrap(), "first");
    assert_eq!(directory.shared_value("key", "second").await.unwrap(), "first");
    assert_eq!(directory.value("key").await.unwrap().as_deref(), Some("first"));
}

#[tokio::test]
async fn sqlite_in_memory() {
    conforms(&*open(":memory:").await.unwrap()).await;
}

#[tokio::test]
async fn sqlite_keeps_what_was_told_done() {
    let folder = Folder::new("directory");
    let file = folder.path().join("directory.sqlite");
    let file = file.to_str().unwrap();
    let first = open(file).await.unwrap();
    conforms(&*first).await;
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file).unwrap());
    assert_eq!(mode & 0o777, 0o600, "it holds the key of the tickets");
    // While the first still has it open, as after a kill.
    let second = open(file).await.unwrap();
    assert_eq!(second.look_up("c").await.unwrap().unwrap().hash, "new");
    assert_eq!(second.shared_value("key", "third").await.unwrap(), "first");
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_without_its_password() {
    let error = open("/nowhere/at/all.sqlite").await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all.sqlite"), "{error}");
    let error = open("postgres://u:tulip@127.0.0.1:port/db").await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:port/db") && !error.contains("tulip"), "{error}");
}

#[tokio::test]
async fn postgres_shared_by_two() {
    let Some(server) = Server::start() else { return };
    let first = open(&server.url()).await.unwrap();
    conforms(&*first).await;
    let second = open(&server.url()).await.unwrap();
    assert_eq!(second.shared_value("key", "other").await.unwrap(), "first");
    assert!(second.remove("c").await.unwrap());
    assert_eq!(first.look_up("c").await.unwrap(), None);
    let registry = || async { open_with_trees(&server.url()).await.unwrap().registry.unwrap() };
    seats(&registry().await, &registry().await).await;
}

const LEASE: Duration = Duration::from_secs(3600);

fn entry(server: Option<u64>, capacity: u32) -> Entry {
    let url = (capacity > 0).then(|| "rtsp://10.0.0.5:8554/live".to_owned());
    Entry { server: server.map(NodeId), user: "alice".into(), url, capacity, joined: 7 }
}

/// Whoever takes a seat over knows all that was written, and nothing is written after that.
async fn seats(one: &Registry, other: &Registry) {
    let channels = ["live", "tv"].map(str::to_owned);
    let address = Some("10.0.0.1:8500");
    // As of one that dies at once.
    let mut first = one.claim(&channels, address, Duration::ZERO).await.unwrap().taken;
    first.sort();
    assert_eq!(first, [("live".to_owned(), Term(1)), ("tv".to_owned(), Term(1))]);
    let nodes = [
        (NodeId(u64::MAX), Some(entry(Some(0), 4))),
        (NodeId(2), Some(entry(None, 0))),
        (NodeId(3), Some(entry(Some(2), 1))),
    ];
    assert!(one.save("live", Term(1), &nodes.clone().into()).await.unwrap());
    let changes = [(NodeId(3), None), (NodeId(2), Some(entry(Some(u64::MAX), 1)))];
    assert!(one.save("live", Term(1), &changes.into()).await.unwrap());
    // Time alone takes nothing from it while nobody else is there.
    let kept = one.renew(&first, Duration::ZERO).await.unwrap();
    assert_eq!(kept.len(), 2);

    let heir = other.claim(&channels, address, LEASE).await.unwrap();
    assert_eq!(heir.taken.len(), 2);
    assert!(heir.taken.iter().all(|(_, term)| *term == Term(2)));
    let mut found = other.load("live").await.unwrap();
    found.sort_by_key(|(node, _)| *node);
    let [largest, ..] = nodes;
    let expected = [(NodeId(2), entry(Some(u64::MAX), 1)), (largest.0, largest.1.unwrap())];
    assert_eq!(found, expected);
    assert_eq!(other.load("tv").await.unwrap(), []);

    // The first was only stopped, and goes on.
    let late = [(NodeId(9), Some(entry(Some(0), 1))), (NodeId(2), None)];
    assert!(!one.save("live", Term(1), &late.into()).await.unwrap());
    assert!(one.renew(&first, LEASE).await.unwrap().is_empty());
    one.release(&first).await.unwrap();
    assert_eq!(one.load("live").await.unwrap().len(), 2);
    let in_vain = one.claim(&channels, None, LEASE).await.unwrap();
    assert_eq!(in_vain.taken, []);
    assert_eq!(in_vain.elsewhere["live"].as_deref(), address);
    // Who has not heard that the seat is his asks again.
    let again = other.claim(&channels, address, LEASE).await.unwrap().taken;
    assert!(again.len() == 2 && again.iter().all(|(_, term)| *term == Term(3)));
    // What is given back is free at once.
    other.release(&again).await.unwrap();
    let back = one.claim(&channels, address, LEASE).await.unwrap().taken;
    assert!(back.len() == 2 && back.iter().all(|(_, term)| *term == Term(4)));
}
