//! A relay on loopback that holds back what it passes on, as distance does: half of the round trip in each direction,
//! without a limit on how much is on its way.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Starts a relay to `target` that lives as long as this process; says where it listens.
pub(crate) fn start(target: SocketAddr, round_trip: Duration) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(target) else { continue };
            for stream in [&client, &server] {
                let _ = stream.set_nodelay(true);
            }
            if let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) {
                delayed(from_client, server, round_trip / 2);
                delayed(from_server, client, round_trip / 2);
            }
        }
    });
    Ok(address)
}

/// Passes bytes on, each so long after it came.
fn delayed(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, receiver) = channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let Some(bytes) = buffer.get(..count) else { break };
            if sender.send((Instant::now() + delay, bytes.to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (at, bytes) in receiver {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
