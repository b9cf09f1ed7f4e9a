//! What `docs/uscp.md` shows is true, and `uscp.xsd` says the same.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::uscp::*;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The blocks of XML in the document.
fn examples() -> Vec<String> {
    let text = std::fs::read_to_string(here("../../docs/uscp.md")).unwrap();
    let blocks = text.split("```xml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_message_has_an_example_that_is_read() {
    let mut seen: Vec<_> = examples()
        .iter()
        .map(|example| {
            let read =
                Envelope::parse(example.as_bytes()).unwrap_or_else(|e| panic!("{e}: {example}"));
            let again = read.document().unwrap();
            assert_eq!(Envelope::parse(again.as_bytes()).unwrap(), read);
            read.message.name()
        })
        .collect();
    seen.sort_unstable();
    seen.dedup();
    let all = [
        "ERROR",
        "Keepalive",
        "Login",
        "Logout",
        "NodeInformation",
        "OK",
        "ReConfiguration",
        "ReStreamingConnection",
        "Reassign",
        "Subscription",
        "Unsubscription",
        "UplinkTest",
    ];
    assert_eq!(seen, all);
}

#[test]
fn the_schema_takes_the_examples_and_what_is_written() {
    if Command::new("xmllint").arg("--version").stderr(Stdio::null()).status().is_err() {
        println!("skipped: there is no xmllint (Debian's libxml2-utils)");
        return;
    }
    let folder = std::env::temp_dir().join(format!("uscp-xsd-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut files = Vec::new();
    for (n, example) in examples().iter().enumerate() {
        let written = Envelope::parse(example.as_bytes()).unwrap().document().unwrap();
        for (kind, text) in [("shown", example), ("written", &written)] {
            let file = folder.join(format!("{n}-{kind}.xml"));
            std::fs::write(&file, text).unwrap();
            files.push(file);
        }
    }
    let schema = here("uscp.xsd");
    let output =
        Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).args(&files).output();
    let output = output.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
