//! A model download that is cut off goes on where it stopped.

use crate::world::World;
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server of one file; the first request is cut off in the middle.
struct Hub {
    address: SocketAddr,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
    _server: JoinSet<()>,
}

impl Hub {
    async fn start(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let ranges: Arc<Mutex<Vec<Option<usize>>>> = Arc::default();
        let seen = Arc::clone(&ranges);
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let from = requested_range(&mut stream).await;
                let first = seen.lock().unwrap().is_empty();
                seen.lock().unwrap().push(from);
                let cut = 1 + 2 * usize::from(first);
                answer(stream.get_mut(), &file, from, cut).await.unwrap();
            }
        });
        Self { address, ranges, _server: server }
    }
}

/// Sends the file from a byte on, or only a part of that: one third for a `cut` of 3.
async fn answer(stream: &mut TcpStream, file: &[u8], from: Option<usize>, cut: usize) -> std::io::Result<()> {
    let rest = &file[from.unwrap_or(0)..];
    let (status, range) = match from {
        Some(from) => {
            ("206 Partial Content", format!("content-range: bytes {from}-{}/{}\r\n", file.len() - 1, file.len()))
        }
        None => ("200 OK", String::new()),
    };
    let length = rest.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\netag: \"v1\"\r\n{range}connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&rest[..length / cut]).await?;
    stream.shutdown().await
}

async fn requested_range(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut from = None;
    let mut line = String::new();
    while stream.read_line(&mut line).await.unwrap() > 2 {
        if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
            from = range.trim().trim_end_matches('-').parse().ok();
        }
        line.clear();
    }
    from
}

fn entry(world: &World, hub: &Hub, file: &[u8], sha256: &str) {
    std::fs::create_dir_all(world.root().join("models")).unwrap();
    let text = format!(
        "[[model]]\nid = \"tiny\"\ntitle = \"Tiny\"\nfile = \"tiny.gguf\"\nbytes = {}\nsha256 = \"{sha256}\"\n\
         licence = \"MIT\"\nquality = \"none\"\nnote = \"none\"\ncontext_tokens = 512\nmemory_bytes = 1\n\
         [[model.source]]\nkind = \"hub\"\nurl = \"http://{}/tiny.gguf\"\n",
        file.len(),
        hub.address
    );
    std::fs::write(world.root().join("models/catalogue.toml"), text).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn what_has_arrived_is_not_fetched_again() {
    let file: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    let hash = hex(&file);
    let hub = Hub::start(file.clone()).await;
    let world = World::new();
    entry(&world, &hub, &file, &hash);

    let cut_off = world.run(&["models", "pull", "tiny"]).await;
    assert_eq!(cut_off.code, Some(4), "{cut_off:?}");
    assert!(cut_off.stderr.contains("again"), "{cut_off:?}");
    assert!(!world.root().join(format!("models/{hash}.gguf")).exists());

    let done = world.run(&["models", "pull", "tiny"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(*hub.ranges.lock().unwrap(), [None, Some(file.len() / 3)]);
    assert!(std::fs::read(world.root().join(format!("models/{hash}.gguf"))).unwrap() == file);
    assert!(!world.root().join(format!("models/{hash}.partial")).exists());
    assert!(world.run(&["models", "list", "--json"]).await.stdout.contains("\"tiny\""));
    assert_eq!(world.run(&["models", "rm", "tiny", "--yes"]).await.code, Some(0));
    assert!(!world.root().join(format!("models/{hash}.gguf")).exists());
}

#[tokio::test]
async fn another_file_of_the_same_size_is_refused() {
    let file = vec![7; 90_000];
    let hub = Hub::start(file.clone()).await;
    let world = World::new();
    entry(&world, &hub, &file, &"0".repeat(64));
    assert_eq!(world.run(&["models", "pull", "tiny"]).await.code, Some(4));
    let wrong = world.run(&["models", "pull", "tiny"]).await;
    assert_eq!(wrong.code, Some(13), "{wrong:?}");
    assert!(wrong.stderr.contains("checksum"), "{wrong:?}");
}
