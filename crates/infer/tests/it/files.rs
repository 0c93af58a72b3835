//! Files that are damaged, hostile or beyond the engine give a clear answer and never a panic.

use std::path::Path;

use hearth_infer::inspect;

use crate::tiny::{Meta, llama};

fn outcome(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    match inspect(&path) {
        Ok(summary) => summary.unsupported.join("; "),
        Err(error) => error.to_string().replace(&path.display().to_string(), "FILE"),
    }
}

fn header(tensors: u64, entries: u64, rest: &[u8]) -> Vec<u8> {
    [b"GGUF", &3_u32.to_le_bytes()[..], &tensors.to_le_bytes(), &entries.to_le_bytes(), rest].concat()
}

fn entry(kind: u32, value: &[u8]) -> Vec<u8> {
    header(0, 1, &[&1_u64.to_le_bytes(), &b"k"[..], &kind.to_le_bytes(), value].concat())
}

fn check(name: &str, bytes: &[u8], expect: &str) {
    let found = outcome(bytes);
    assert!(found.contains(expect), "{name}: expected `{expect}`, got `{found}`");
}

#[test]
fn a_sound_file_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let summary = inspect(&llama().write(folder.path())).unwrap();
    assert_eq!((summary.name.as_str(), summary.architecture.as_str()), ("tiny", "llama"));
    assert_eq!((summary.context_tokens, summary.quantization.as_str()), (4096, "F32"));
    assert_eq!(summary.unsupported, Vec::<String>::new());
}

#[test]
fn hostile_headers_are_refused() {
    let all = u64::MAX.to_le_bytes();
    check("empty", b"", "is not a GGUF file");
    check("other", b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaa", "is not a GGUF file");
    check("version", &[b"GGUF", &9_u32.to_le_bytes()[..], &[0; 16]].concat(), "GGUF version 9");
    check("short", b"GGUF\x03\0\0\0\x01", "ends in the middle of its header");
    check("counts", &header(u64::MAX, u64::MAX, &[]), "more tensors or metadata");
    check("key length", &header(0, 1, &all), "a text is longer than its limit");
    check("text length", &entry(8, &all), "longer than the rest of the file");
    check("array count", &entry(9, &[&8_u32.to_le_bytes()[..], &all].concat()), "an array is longer");
    check("nested", &entry(9, &[&9_u32.to_le_bytes()[..], &1_u64.to_le_bytes()].concat()), "arrays of arrays");
    check("type", &entry(77, &[0; 8]), "unknown type");
}

#[test]
fn absurd_tensors_are_refused() {
    let name = [&1_u64.to_le_bytes()[..], b"t"].concat();
    let tensor = |dimensions: &[u64]| {
        let mut out = name.clone();
        out.extend(u32::try_from(dimensions.len()).unwrap().to_le_bytes());
        dimensions.iter().for_each(|dimension| out.extend(dimension.to_le_bytes()));
        out.extend([0; 12]);
        header(1, 0, &out)
    };
    check("overflow", &tensor(&[u64::MAX, u64::MAX]), "beyond the end of the file");
    check("too big", &tensor(&[1 << 20]), "beyond the end of the file");
    check("no dimensions", &tensor(&[]), "no or too many dimensions");
    check("empty dimension", &tensor(&[0, 4]), "an empty dimension");
    let twice = [&tensor(&[1])[24..], &tensor(&[1])[24..]].concat();
    check("twice", &header(2, 0, &twice), "appears twice");
}

#[test]
fn files_beyond_the_engine_say_why() {
    let with = |key: &str, value: Meta| {
        let mut parts = llama();
        parts.set(key, value);
        parts.bytes()
    };
    check("architecture", &with("general.architecture", Meta::Text("rwkv7")), "architecture `rwkv7`");
    check("tokenizer", &with("tokenizer.ggml.pre", Meta::Text("klingon")), "splitting `klingon`");
    check("scaling", &with("llama.rope.scaling.type", Meta::Text("yarn")), "position scaling `yarn`");
    check("heads", &with("llama.attention.head_count_kv", Meta::Count(3)), "does not divide the heads");
    check("no layers", &with("llama.block_count", Meta::Count(0)), "`llama.block_count` is 0");
    check("wrong type", &with("llama.block_count", Meta::Text("two")), "no usable `llama.block_count`");
}

#[test]
fn every_truncation_is_an_error_and_no_bit_flip_a_panic() {
    let bytes = llama().bytes();
    for length in (0..bytes.len().min(12_000)).step_by(97) {
        assert!(!outcome(&bytes[..length]).is_empty(), "cut at {length}");
    }
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..300 {
        let mut damaged = bytes.clone();
        damaged[random.usize(..8_000)] ^= 1 << random.u32(..8);
        outcome(&damaged);
    }
}

#[test]
fn an_absent_file_is_named() {
    let error = inspect(Path::new("nowhere/model.gguf")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read nowhere/model.gguf: "), "{error}");
}
