//! A streaming server in your own program.
//!
//! 1. starts an engine and serves RTSP on a free port of this machine;
//! 2. fetches a camera or any other RTSP stream, if one is named, and serves it as `cam`;
//! 3. prints what happens, until it is killed.
//!
//! ```sh
//! cargo run --release -p rillcast --example relay [rtsp://CAMERA/STREAM]
//! ```

use rillcast::engine::{Config, Engine, Error, Transport};

fn main() -> Result<(), Error> {
    let engine = Engine::start(Config::default())?;
    let address = engine.listen(([127, 0, 0, 1], 0).into())?;
    println!("publish to and play from rtsp://{address}/any/path");
    if let Some(url) = std::env::args().nth(1) {
        engine.pull("cam", &url, Transport::Auto)?;
        println!("the stream from there is rtsp://{address}/cam");
    }
    while let Some(event) = engine.next_event(None) {
        println!("{event}");
    }
    Ok(())
}
