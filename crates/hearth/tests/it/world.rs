//! A temporary home and the binary in it.

use hearth_sandbox::{Program, Running, Stdin, Stream, start};
use hearth_testkit::fake_provider::{FakeProvider, Format, Reply};
use hearth_testkit::home::TempHome;
use serde_json::Value;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// No test waits longer for anything.
const LIMIT: Duration = Duration::from_secs(60);

/// A person's machine.
pub(crate) struct World {
    home: TempHome,
    env: Vec<(OsString, OsString)>,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Reads standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl World {
    /// An empty home and an environment with a path and nothing else.
    pub(crate) fn new() -> Self {
        let home = TempHome::new().unwrap();
        let path = std::env::split_paths("/usr/local/bin:/usr/bin:/bin").collect::<Vec<_>>();
        let env = vec![
            ("PATH".into(), std::env::join_paths(path).unwrap()),
            ("HOME".into(), home.root().into()),
            ("HEARTH_HOME".into(), home.root().into()),
        ];
        Self { home, env }
    }

    /// A home whose OpenAI is a fake, with a key in the environment.
    pub(crate) async fn with_provider(script: Vec<Reply>) -> (Self, FakeProvider) {
        let provider = FakeProvider::start(Format::OpenAiResponses, script).await.unwrap();
        let mut world = Self::new();
        world.set("OPENAI_API_KEY", "sk-test-0123456789");
        world.write_settings(&format!(
            "{{ models: {{ providers: {{ openai: {{ baseUrl: '{}' }} }} }} }}",
            provider.base_url()
        ));
        (world, provider)
    }

    pub(crate) fn root(&self) -> &Path {
        self.home.root()
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.into(), value.into()));
    }

    pub(crate) fn write_settings(&self, text: &str) {
        std::fs::write(self.root().join("hearth.json5"), text).unwrap();
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Done {
        self.run_with(args, "").await
    }

    /// Runs a command to its end, with this on its standard input.
    pub(crate) async fn run_with(&self, args: &[&str], input: &str) -> Done {
        finish(self.start(args, input)).await
    }

    /// Starts a command.
    pub(crate) fn start(&self, args: &[&str], input: &str) -> Running {
        let mut program = Program::new(env!("CARGO_BIN_EXE_hearth"), self.root());
        program.args = args.iter().map(OsString::from).collect();
        program.env.clone_from(&self.env);
        program.stdin = Stdin::Bytes(input.as_bytes().to_vec());
        start(program).unwrap()
    }

    /// Starts a gateway on a free port and waits until it answers. It is killed when the value is dropped.
    pub(crate) async fn gateway(&self) -> Running {
        let port = free_port().to_string();
        let mut running = self.start(&["gateway", "run", "--port", &port], "");
        wait_for(&mut running, "ready in").await;
        running
    }
}

/// Collects what a command prints until it ends.
pub(crate) async fn finish(mut running: Running) -> Done {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = timeout(LIMIT, async {
        while let Some(chunk) = running.next_chunk().await {
            match chunk.stream {
                Stream::Stdout => stdout.extend(chunk.bytes),
                Stream::Stderr => stderr.extend(chunk.bytes),
            }
        }
        running.wait().await
    });
    let exit = exit.await.expect("the command did not end").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: exit.code, stdout: text(stdout), stderr: text(stderr) }
}

/// Reads what a command prints until it has printed this.
pub(crate) async fn wait_for(running: &mut Running, mark: &str) -> String {
    let mut seen = String::new();
    let reading = async {
        while !seen.contains(mark) {
            let chunk = running.next_chunk().await.unwrap_or_else(|| panic!("it ended after {seen:?}"));
            seen.push_str(&String::from_utf8_lossy(&chunk.bytes));
        }
    };
    timeout(LIMIT, reading).await.expect("it did not print what was expected");
    seen
}

/// Waits until the fake has been asked so many times.
pub(crate) async fn asked(provider: &FakeProvider, times: usize) {
    let waiting = async {
        while provider.requests().len() < times {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, waiting).await.expect("the provider was not asked");
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
