//! Real programs, started and ended.

use hearth_sandbox::{Chunk, Error, Exit, Output, Program, Running, Stdin, Stream, start};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Longer than anything here takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

fn shell(script: &str) -> Program {
    let mut program = Program::new("/bin/sh", "/");
    program.args = vec!["-c".into(), script.into()];
    program.env = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
    program
}

async fn output(mut running: Running) -> (String, String, Exit) {
    let all = async {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some(Chunk { stream, bytes }) = running.next_chunk().await {
            if stream == Stream::Stdout { stdout.extend(bytes) } else { stderr.extend(bytes) }
        }
        let exit = running.wait().await.expect("the program ended");
        (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned(), exit)
    };
    timeout(PATIENCE, all).await.expect("the program ends in time")
}

async fn check(program: Program, stdout: &str, stderr: &str, exit: (Option<i32>, Option<i32>)) {
    let running = start(program).expect("the program starts");
    let expected = (stdout.to_owned(), stderr.to_owned(), Exit { code: exit.0, signal: exit.1 });
    assert_eq!(output(running).await, expected);
}

/// Waits until no process of this id is left, or only its remains.
async fn is_gone(pid: &str) -> bool {
    let status = Path::new("/proc").join(pid.trim()).join("stat");
    let gone = async {
        while fs::read_to_string(&status).is_ok_and(|status| !status.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.is_ok()
}

#[tokio::test]
async fn output_and_end_are_told() {
    check(shell("echo out; echo err >&2; exit 3"), "out\n", "err\n", (Some(3), None)).await;
    check(shell("kill -9 $$"), "", "", (None, Some(9))).await;
    let mut one = shell("echo 1; echo 2 >&2; echo 3");
    one.stdout_to = Output::OnePipe;
    check(one, "1\n2\n3\n", "", (Some(0), None)).await;
}

#[tokio::test]
async fn only_the_given_environment_is_there() {
    let mut program = Program::new("/usr/bin/env", "/");
    program.env = vec![("ONLY".into(), "this".into())];
    check(program, "ONLY=this\n", "", (Some(0), None)).await;
}

#[tokio::test]
async fn it_leads_its_own_session_and_has_no_terminal() {
    let running = start(shell("cut -d' ' -f5-7 /proc/$$/stat; : </dev/tty")).expect("the program starts");
    let pid = running.pid();
    let (stdout, stderr, _) = output(running).await;
    // Process group, session, terminal (0 for none).
    assert_eq!(stdout, format!("{pid} {pid} 0\n"));
    assert!(stderr.contains("/dev/tty"), "{stderr}");
}

#[tokio::test]
async fn no_other_descriptor_is_inherited() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = fs::File::create(folder.path().join("open")).expect("a file");
    // Without close-on-exec, as a careless parent would leave it.
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("the flag is cleared");
    let look = "i=0; while [ $i -lt 64 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done; true";
    check(shell(look), "0\n1\n2\n", "", (Some(0), None)).await;
}

#[tokio::test]
async fn input_is_written_while_output_is_read() {
    check(shell("wc -c"), "0\n", "", (Some(0), None)).await;
    let mut large = shell("cat | wc -c");
    large.stdin = Stdin::Bytes(vec![b'x'; 3_000_000]);
    check(large, "3000000\n", "", (Some(0), None)).await;
    let mut echo = Program::new("/bin/cat", "/");
    let text = "line\n".repeat(100_000);
    echo.stdin = Stdin::Bytes(text.clone().into_bytes());
    check(echo, &text, "", (Some(0), None)).await;
    let mut unread = shell("echo done");
    unread.stdin = Stdin::Bytes(vec![b'x'; 3_000_000]);
    check(unread, "done\n", "", (Some(0), None)).await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    assert!(matches!(start(Program::new("/no/such/program", "/")), Err(Error::Start { .. })));
    assert!(matches!(start(Program::new("/bin/sh", "/no/such/folder")), Err(Error::WorkingFolder { .. })));
    let mut program = shell("true");
    program.stdout_to = Output::File("/no/such/folder/log".into());
    assert!(matches!(start(program), Err(Error::OutputFile { .. })));
    let mut program = shell("true");
    program.args.push(OsString::from("x".repeat(300_000)));
    assert!(matches!(start(program), Err(Error::Start { .. })));
}

#[tokio::test]
async fn a_file_takes_the_output() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    for _ in 0..2 {
        let mut program = shell("echo out; echo err >&2");
        program.stdout_to = Output::File(log.clone());
        check(program, "", "", (Some(0), None)).await;
    }
    assert_eq!(fs::read_to_string(&log).expect("the log"), "out\nerr\nout\nerr\n");
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_holds_nobody_up() {
    let started = Instant::now();
    let mut running = start(shell("sleep 300 & echo $!")).expect("the program starts");
    let pid = running.next_chunk().await.expect("the grandchild's id").bytes;
    assert_eq!(timeout(PATIENCE, running.next_chunk()).await.expect("in time"), None);
    assert_eq!(running.wait().await.expect("it ended").code, Some(0));
    assert!(running.left_something_running());
    drop(running);
    assert!(is_gone(&String::from_utf8_lossy(&pid)).await, "the grandchild lives");
    assert!(started.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_grandchild_that_floods_the_pipe_is_not_read_for_ever() {
    let mut running = start(shell("yes & exit 7")).expect("the program starts");
    let reading = async { while running.next_chunk().await.is_some() {} };
    timeout(PATIENCE, reading).await.expect("reading ends");
    assert_eq!(running.wait().await.expect("it ended").code, Some(7));
}

#[tokio::test]
async fn nothing_is_lost_when_the_reader_is_slow() {
    let mut running = start(shell("head -c 60000 /dev/zero")).expect("the program starts");
    assert!(is_gone(&running.pid().to_string()).await, "it ends without being read");
    let mut bytes = 0;
    tokio::time::pause();
    while let Some(chunk) = running.next_chunk().await {
        bytes += chunk.bytes.len();
        tokio::time::advance(PATIENCE).await;
    }
    assert_eq!(bytes, 60_000);
}

#[tokio::test]
async fn terminate_asks_first_and_then_kills_all() {
    let polite = "trap 'echo bye >\"$0\"; exit 5' TERM; echo ready; while :; do sleep 0.01; done";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let note = folder.path().join("note");
    let mut program = shell(polite);
    program.args.push(note.clone().into());
    let mut running = start(program).expect("the program starts");
    running.next_chunk().await.expect("it is ready");
    assert_eq!(running.terminate(PATIENCE).await.expect("it ended").code, Some(5));
    assert_eq!(fs::read_to_string(note).expect("the note"), "bye\n");

    let stubborn = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.01; done' & wait; wait";
    let mut running = start(shell(stubborn)).expect("the program starts");
    let pid = running.next_chunk().await.expect("the grandchild's id").bytes;
    let exit = running.terminate(Duration::from_millis(50)).await.expect("it ended");
    assert_eq!(exit, Exit { code: None, signal: Some(9) });
    assert!(is_gone(&String::from_utf8_lossy(&pid)).await, "the grandchild lives");

    let mut running = start(shell("echo $$; kill -STOP $$")).expect("the program starts");
    running.next_chunk().await.expect("it is ready");
    assert_eq!(running.terminate(PATIENCE).await.expect("it ended").signal, Some(15));
    assert_eq!(running.terminate(PATIENCE).await.expect("still").signal, Some(15));
}

#[tokio::test]
async fn a_dropped_program_dies_and_a_detached_one_lives() {
    let mut running = start(shell("echo $$; exec sleep 300")).expect("the program starts");
    let pid = running.next_chunk().await.expect("its id").bytes;
    drop(running);
    assert!(is_gone(&String::from_utf8_lossy(&pid)).await, "it lives");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let (go, done) = (folder.path().join("go"), folder.path().join("done"));
    rustix::fs::mknodat(rustix::fs::CWD, &go, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .expect("a named pipe");
    let mut program = shell("read line <\"$0\"; echo \"$line\" >\"$1\"; echo again >\"$0\"");
    program.args.extend([go.clone().into(), done.clone().into()]);
    program.stdout_to = Output::File("/dev/null".into());
    start(program).expect("the program starts").detach();
    let written = tokio::task::spawn_blocking(move || {
        fs::write(&go, "alive\n").expect("it reads");
        fs::read_to_string(&go).expect("it writes")
    });
    assert_eq!(timeout(PATIENCE, written).await.expect("in time").expect("written"), "again\n");
    assert_eq!(fs::read_to_string(done).expect("its file"), "alive\n");
}
