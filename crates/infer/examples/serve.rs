//! Serves a model file: `cargo run --release -p hearth-infer --example serve -- model.gguf 127.0.0.1:8080`.

use hearth_infer::{ServeError, ServeOptions, serve};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "model.gguf".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut options = ServeOptions::new(file.into(), "local".to_owned());
    options.tcp = address.parse().ok();
    serve(options, CancellationToken::new()).await
}
