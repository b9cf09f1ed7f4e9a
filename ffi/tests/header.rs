//! `include/rillcast.h` is what cbindgen makes of this crate.
//!
//! `RILLCAST_WRITE_HEADER=1 cargo test -p rillcast-ffi --test header` writes it anew.

use std::path::{Path, PathBuf};

/// The crate's files that have something for C, in the order of the header.
const FILES: [&str; 18] = [
    "status",
    "version",
    "log",
    "config",
    "engine",
    "stream",
    "event",
    "access",
    "frame",
    "track",
    "reader/settings",
    "reader",
    "reader/description",
    "source",
    "child",
    "figures",
    "histogram",
    "bench",
];

/// What goes before everything.
const INTRODUCTION: &str = include_str!("introduction.h");

fn generate(root: &Path) -> String {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let version = env!("CARGO_PKG_VERSION");
    let numbers: Vec<&str> = version.split(['.', '-']).take(3).collect();
    let [major, minor, patch] = numbers[..] else { panic!("{version} has three numbers") };
    let introduction = INTRODUCTION
        .replace("@VERSION@", version)
        .replace("@MAJOR@", major)
        .replace("@MINOR@", minor)
        .replace("@PATCH@", patch);
    let mut builder = cbindgen::Builder::new().with_config(config).with_after_include(introduction);
    for file in FILES {
        builder = builder.with_src(root.join(format!("src/{file}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().expect("cbindgen understands the crate").write(&mut header);
    String::from_utf8(header).expect("cbindgen writes text")
}

#[test]
fn the_header_is_current() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../include/rillcast.h");
    let wanted = generate(&root);
    if std::env::var_os("RILLCAST_WRITE_HEADER").is_some() {
        std::fs::write(&path, &wanted).expect("the header can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(wanted.lines()).position(|(kept, wanted)| kept != wanted);
    assert!(
        kept == wanted,
        "include/rillcast.h is not current (line {}): run \
         RILLCAST_WRITE_HEADER=1 cargo test -p rillcast-ffi --test header",
        differs.map_or(kept.lines().count().min(wanted.lines().count()), |line| line) + 1
    );
}
