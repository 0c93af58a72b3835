//! Attention against a plain computation in f64.

use hearth_kernels::{AttentionShape, Cpu, Error, KeyValues, Pool, attention, f16_to_f32, f32_to_f16};

use crate::numbers::Numbers;

/// Softmax attention of one query head, term by term.
fn plain(query: &[f32], keys: &[&[f32]], values: &[&[f32]], scale: f32) -> Vec<f64> {
    let score = |key: &&[f32]| {
        let dot: f64 = query.iter().zip(*key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
        (dot * f64::from(scale)).exp()
    };
    let weights: Vec<f64> = keys.iter().map(score).collect();
    let total: f64 = weights.iter().sum();
    let column = |i: usize| weights.iter().zip(values).map(|(w, v)| w * f64::from(v[i])).sum::<f64>() / total;
    (0..query.len()).map(column).collect()
}

fn check(shape: &AttentionShape, first: usize, count: usize, pool: &Pool) -> Result<(), Error> {
    let mut numbers = Numbers::new((first * 7 + count) as u64);
    let AttentionShape { heads, kv_heads, dim, scale, window } = *shape;
    let size = (first + count) * kv_heads * dim;
    let mut bits = [vec![0; size], vec![0; size]];
    let mut floats = [vec![0.0; size], vec![0.0; size]];
    for (bits, floats) in bits.iter_mut().zip(&mut floats) {
        f32_to_f16(&numbers.floats(size), bits)?;
        f16_to_f32(bits, floats)?;
    }
    let queries: Vec<f32> = numbers.floats(count * heads * dim).into_iter().map(|value| 8.0 * value).collect();
    let mut out = vec![f32::NAN; queries.len()];
    let [keys, values] = &bits;
    attention(pool, shape, KeyValues { keys, values }, (&queries, first), &mut out)?;
    for (row, (query, found)) in queries.chunks_exact(dim).zip(out.chunks_exact(dim)).enumerate() {
        let (t, head) = (row / heads, row % heads);
        let end = first + t + 1;
        let seen = end - window.unwrap_or(end).min(end)..end;
        let at = |position: usize| (position * kv_heads + head * kv_heads / heads) * dim;
        let [keys, values] = floats
            .each_ref()
            .map(|floats| -> Vec<&[f32]> { seen.clone().map(|position| &floats[at(position)..][..dim]).collect() });
        for (found, expected) in found.iter().zip(plain(query, &keys, &values, scale)) {
            assert!((f64::from(*found) - expected).abs() < 2e-5, "{shape:?} row {row}: {found} {expected}");
        }
    }
    Ok(())
}

#[test]
fn every_query_gets_the_weighted_values_it_sees() -> Result<(), Error> {
    for cpu in Cpu::ALL.into_iter().filter(|cpu| cpu.available()) {
        let pool = Pool::with_cpu(2, cpu)?;
        for (heads, kv_heads, dim) in [(12, 2, 128), (14, 2, 64), (4, 1, 256), (3, 3, 20), (1, 1, 7)] {
            for (window, first, count) in
                [(None, 0, 1), (None, 90, 1), (None, 0, 70), (Some(9), 31, 40), (Some(1), 3, 2)]
            {
                let shape = AttentionShape { heads, kv_heads, dim, scale: 0.3, window };
                check(&shape, first, count, &pool)?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_short_cache_is_refused() -> Result<(), Error> {
    let shape = AttentionShape { heads: 2, kv_heads: 1, dim: 4, scale: 0.5, window: None };
    let cache = KeyValues { keys: &[0; 8], values: &[0; 12] };
    let refused = attention(&Pool::new(1)?, &shape, cache, (&[0.0; 8], 2), &mut [0.0; 8]);
    assert_eq!(refused, Err(Error::Length { what: "keys", expected: 12, found: 8 }));
    Ok(())
}
