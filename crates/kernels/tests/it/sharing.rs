//! The pool under stress.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_kernels::{Error, Pool};

/// Runs `0..total` and counts how often each index comes.
fn counts(pool: &Pool, total: usize, grain: usize) -> Vec<usize> {
    let counts: Vec<AtomicUsize> = (0..total).map(|_| AtomicUsize::new(0)).collect();
    pool.for_each(total, grain, |range| {
        for index in range {
            counts[index].fetch_add(1, Ordering::Relaxed);
        }
    });
    counts.into_iter().map(AtomicUsize::into_inner).collect()
}

#[test]
fn every_index_is_done_exactly_once() -> Result<(), Error> {
    for threads in [1, 2, 3, 8] {
        let pool = Pool::new(threads)?;
        for round in 0..2000 {
            let total = round % 97;
            assert_eq!(counts(&pool, total, 1 + round % 5), vec![1; total], "{threads} threads");
        }
    }
    Ok(())
}

#[test]
fn chunks_are_written_in_place() -> Result<(), Error> {
    let pool = Pool::new(4)?;
    let mut values = vec![0; 1003];
    pool.chunks_mut(&mut values, 10, |index, chunk| chunk.fill(index));
    assert!(values.iter().enumerate().all(|(at, value)| *value == at / 10));
    Ok(())
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_goes_on() -> Result<(), Error> {
    let pool = Pool::new(3)?;
    for round in 0..50 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.for_each(64, 1, |range| assert!(!range.contains(&round), "as planned"));
        }));
        assert!(outcome.is_err());
        let sum = AtomicUsize::new(0);
        pool.run(|part, parts| {
            sum.fetch_add(part * parts, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 9);
    }
    Ok(())
}

#[test]
fn nested_and_concurrent_runs_do_not_block_each_other() -> Result<(), Error> {
    let pool = Pool::new(2)?;
    let count = AtomicUsize::new(0);
    let inner = |_, parts| {
        count.fetch_add(2 / parts, Ordering::Relaxed);
    };
    let caller = || {
        for _ in 0..200 {
            pool.for_each(8, 1, |outer| outer.for_each(|_| pool.run(inner)));
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(caller))));
    assert_eq!(count.into_inner(), 4 * 200 * 8 * 2);
    Ok(())
}
