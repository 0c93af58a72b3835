//! How fast this machine multiplies the matrices of two common model shapes.
//!
//! `cargo run --release -p hearth-kernels --example throughput [0.5b|1.5b|types|attention] [threads]`
//!
//! Prints tokens per second of all matrix products of one step (activation quantization included; attention
//! and norms are not), for one row (decode: GB/s says how near the memory's limit it is) and for batches of
//! rows (reading a prompt: GMAC/s). Weights are random. `types` compares the formats on a matrix that stays in the
//! caches; `attention` gives one layer of the larger shape.

use hearth_kernels::{Activations, AttentionShape, Cpu, Error, KeyValues, Matrix, Pool, QuantType, attention, matmul};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let given = arguments.iter().find_map(|argument| argument.parse::<usize>().ok());
    let threads: Vec<usize> = given.map_or_else(|| vec![1, 2], |threads| vec![threads]);
    let packing = Pool::new(std::thread::available_parallelism().map_or(1, usize::from))?;
    for shape in [&SMALL, &LARGE] {
        if wanted(shape.name) {
            let model = shape.matrices(&packing)?;
            for threads in &threads {
                measure(shape.name, &model, &Pool::new(*threads)?)?;
            }
        }
    }
    if wanted("types") {
        types(&packing)?;
    }
    if wanted("attention") {
        for threads in threads {
            attending(&Pool::new(threads)?)?;
        }
    }
    Ok(())
}

/// A model's sizes and types.
struct Shape {
    name: &'static str,
    hidden: usize,
    feed_forward: usize,
    layers: usize,
    kv: usize,
    /// Type of the attention's matrices.
    attention: QuantType,
    /// Type of the value matrix in half of the layers, and of the output matrix.
    better: QuantType,
}

const SMALL: Shape = Shape {
    name: "0.5b",
    hidden: 896,
    feed_forward: 4864,
    layers: 24,
    kv: 128,
    attention: QuantType::Q5_0,
    better: QuantType::Q8_0,
};

const LARGE: Shape = Shape {
    name: "1.5b",
    hidden: 1536,
    feed_forward: 8960,
    layers: 28,
    kv: 256,
    attention: QuantType::Q4_K,
    better: QuantType::Q6_K,
};

/// A matrix and how it is used.
struct Step {
    matrix: Matrix,
    /// Whether it reads what the matrix before it read.
    shared: bool,
}

impl Shape {
    fn matrices(&self, pool: &Pool) -> Result<Vec<Step>, Error> {
        let Self { hidden, feed_forward, kv, attention, better, .. } = *self;
        let mut steps = Vec::new();
        for layer in 0..self.layers {
            let good = layer % 2 == 0;
            let value = if good { better } else { attention };
            let down = if good { QuantType::Q6_K } else { QuantType::Q4_K };
            let same = |ty: QuantType| (ty.block_len() == 32) == (attention.block_len() == 32);
            for (ty, rows, cols, shared) in [
                (attention, hidden, hidden, false),
                (attention, kv, hidden, true),
                (value, kv, hidden, same(value)),
                (attention, hidden, hidden, false),
                (attention, feed_forward, hidden, false),
                (attention, feed_forward, hidden, true),
                (down, hidden, feed_forward, false),
            ] {
                steps.push(Step { matrix: random(ty, rows, cols, pool)?, shared });
            }
        }
        steps.push(Step { matrix: random(better, 151_936, hidden, pool)?, shared: false });
        Ok(steps)
    }
}

fn random(ty: QuantType, rows: usize, cols: usize, pool: &Pool) -> Result<Matrix, Error> {
    let bytes = rows * ty.row_bytes(cols)?;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut raw = Vec::with_capacity(bytes + 8);
    while raw.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // As floats of any width, these bits are neither infinite nor subnormal.
        raw.extend((state & 0x0303_0303_0303_0303 | 0x3838_3838_3838_3838).to_le_bytes());
    }
    raw.truncate(bytes);
    Matrix::pack(ty, rows, cols, &raw, pool)
}

#[expect(clippy::print_stdout, reason = "an example's output")]
fn measure(name: &str, model: &[Step], pool: &Pool) -> Result<(), Error> {
    let bytes: usize = model.iter().map(|step| step.matrix.bytes()).sum();
    let body = &model[..model.len() - 1];
    let macs: usize = body.iter().map(|step| step.matrix.rows() * step.matrix.cols()).sum();
    let mut buffers = Buffers::new(512 * 8960, 512 * 8960);
    for (rows, repeats) in [(1, 20), (4, 5), (64, 3), (128, 3), (512, 1)] {
        let seconds = best(repeats, || pass(model, rows, pool, &mut buffers))?;
        let speed = rows as f64 / seconds;
        let rate = if rows == 1 {
            format!("{:.1} GB/s", bytes as f64 / seconds / 1e9)
        } else {
            format!("{:.0} GMAC/s", (macs * rows) as f64 / seconds / 1e9)
        };
        println!("{name} {:?} threads {} rows {rows:3}: {speed:7.1} tok/s, {rate}", pool.cpu(), pool.threads());
    }
    Ok(())
}

struct Buffers {
    input: Vec<f32>,
    output: Vec<f32>,
    activations: Activations,
}

impl Buffers {
    fn new(input: usize, output: usize) -> Self {
        let input = (0..input).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 500.0).collect();
        Self { input, output: vec![0.0; output], activations: Activations::new() }
    }
}

/// All products of one step; the last matrix (the vocabulary) with one row.
fn pass(model: &[Step], rows: usize, pool: &Pool, buffers: &mut Buffers) -> Result<(), Error> {
    for (index, step) in model.iter().enumerate() {
        let rows = if index + 1 == model.len() { 1 } else { rows };
        one(&step.matrix, rows, step.shared, pool, buffers)?;
    }
    Ok(())
}

fn one(matrix: &Matrix, rows: usize, shared: bool, pool: &Pool, buffers: &mut Buffers) -> Result<(), Error> {
    if !shared {
        buffers.activations.set_forms(matrix.forms());
        buffers.activations.quantize(&buffers.input[..rows * matrix.cols()], rows, matrix.cols(), pool)?;
    }
    matmul(pool, matrix, &buffers.activations, &mut buffers.output[..rows * matrix.rows()])
}

/// Every format on one matrix, with every family of kernels of this processor, on one thread.
#[expect(clippy::print_stdout, reason = "an example's output")]
fn types(packing: &Pool) -> Result<(), Error> {
    let (rows, cols) = (1024, 2048);
    let mut buffers = Buffers::new(64 * cols, 64 * rows);
    for ty in QuantType::ALL.into_iter().filter(|ty| ty.block_len() > 1) {
        let matrix = random(ty, rows, cols, packing)?;
        for cpu in Cpu::ALL.into_iter().filter(|cpu| cpu.available() && *cpu != Cpu::Portable) {
            let pool = Pool::with_cpu(1, cpu)?;
            let repeats = if cpu == Cpu::Portable { 1 } else { 100 };
            let single = best(repeats, || one(&matrix, 1, false, &pool, &mut buffers))?;
            let many = best(repeats, || one(&matrix, 64, false, &pool, &mut buffers))?;
            println!(
                "{ty:?} {cpu:?}: one row {:.1} GB/s, 64 rows {:.0} GMAC/s",
                matrix.bytes() as f64 / single / 1e9,
                (64 * rows * cols) as f64 / many / 1e9
            );
        }
    }
    Ok(())
}

/// One attention layer of the larger shape over a long cache.
#[expect(clippy::print_stdout, reason = "an example's output")]
fn attending(pool: &Pool) -> Result<(), Error> {
    let shape = AttentionShape { heads: 12, kv_heads: 2, dim: 128, scale: 0.088, window: None };
    let positions = 2048;
    let cache = vec![0x3000; positions * shape.kv_heads * shape.dim];
    let cache = KeyValues { keys: &cache, values: &cache };
    for count in [1, 64] {
        let queries = vec![0.5; count * shape.heads * shape.dim];
        let mut out = vec![0.0; queries.len()];
        let seconds = best(50, || attention(pool, &shape, cache, (&queries, positions - count), &mut out))?;
        let macs = 2 * count * positions * shape.heads * shape.dim;
        println!(
            "attention {:?} threads {} queries {count} of {positions} positions: {:.0} us a query, {:.0} GMAC/s",
            pool.cpu(),
            pool.threads(),
            seconds / count as f64 * 1e6,
            macs as f64 / seconds / 1e9
        );
    }
    Ok(())
}

/// The fewest seconds that `work` takes in several repetitions.
#[expect(clippy::disallowed_types, reason = "a benchmark measures real time")]
fn best(repeats: usize, mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let mut best = f64::MAX;
    for _ in 0..repeats {
        let start = std::time::Instant::now();
        work()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}
