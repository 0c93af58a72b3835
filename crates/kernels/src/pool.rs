//! Threads that share the work of one product at a time.
//!
//! A run is a range of indices that participants claim piece by piece, so that a slow core takes fewer. A
//! worker that has not woken when everything is claimed is not waited for: on a machine busy with other
//! work the caller goes on alone instead of spinning for a thread that has no core. Idle workers spin for
//! some tens of microseconds (a decode step issues about 200 runs), then park.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use crate::Cpu;
use crate::error::Error;

/// How long a thread spins before it parks.
const SPIN: Duration = Duration::from_micros(40);
/// Most threads of a pool.
const MOST_THREADS: usize = 256;

/// A fixed set of threads, the caller's own included. Dropping it ends them.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<State>,
    workers: Vec<JoinHandle<()>>,
    cpu: Cpu,
}

impl Pool {
    /// Starts `threads − 1` workers; the thread that calls [`Pool::for_each`] is the other one.
    ///
    /// # Errors
    /// `threads` is 0 or above 256, or the system refuses a thread.
    pub fn new(threads: usize) -> Result<Self, Error> {
        Self::with_cpu(threads, Cpu::detect())
    }

    /// As [`Pool::new`], with the given kernels instead of the fastest ones (to compare them).
    ///
    /// # Errors
    /// As [`Pool::new`], and if the processor lacks what the kernels need.
    pub fn with_cpu(threads: usize, cpu: Cpu) -> Result<Self, Error> {
        if !cpu.available() {
            return Err(Error::MissingInstructions(cpu));
        }
        if threads == 0 || threads > MOST_THREADS {
            return Err(Error::OutOfRange { what: "threads", size: threads });
        }
        let shared = Arc::new(State::default());
        let mut pool = Self { shared, workers: Vec::new(), cpu };
        for index in 1..threads {
            let parked = Arc::new(AtomicBool::new(false));
            let (shared, flag) = (Arc::clone(&pool.shared), Arc::clone(&parked));
            let worker = std::thread::Builder::new()
                .name(format!("hearth-kernels-{index}"))
                .spawn(move || shared.work(&flag))
                .map_err(|error| Error::Thread { index, message: error.to_string() })?;
            let sleeper = Sleeper { parked, thread: worker.thread().clone() };
            pool.shared.sleepers.lock().unwrap_or_else(PoisonError::into_inner).push(sleeper);
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// Threads that take part in a run.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// The kernels that products on this pool use.
    #[must_use]
    pub const fn cpu(&self) -> Cpu {
        self.cpu
    }

    /// Calls `work(part, parts)` once for each part, `parts` being the number of threads. Which thread
    /// takes which part is open; one may take several.
    ///
    /// # Panics
    /// A panic of `work` is passed on once every participant has stopped.
    pub fn run(&self, work: impl Fn(usize, usize) + Sync) {
        let parts = self.threads();
        self.for_each(parts, 1, |range| range.for_each(|part| work(part, parts)));
    }

    /// Calls `work` with ranges that together cover `0..total` exactly once, each a multiple of `grain`
    /// long but the last. Returns when all is done. A call from within `work`, or while another thread
    /// runs something on this pool, is done by the calling thread alone.
    ///
    /// # Panics
    /// A panic of `work` is passed on once every participant has stopped.
    pub fn for_each(&self, total: usize, grain: usize, work: impl Fn(Range<usize>) + Sync) {
        let grain = grain.max(1);
        if total == 0 {
            return;
        }
        let _turn = match self.shared.turn.try_lock() {
            Ok(turn) => turn,
            // A run whose work panicked; the turn guards no data.
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return work(0..total),
        };
        if self.workers.is_empty() || total <= grain {
            return work(0..total);
        }
        let job = Job {
            work: &work,
            total,
            grain,
            threads: self.threads(),
            next: AtomicUsize::new(0),
            panic: Mutex::default(),
            caller: std::thread::current(),
        };
        self.shared.execute(&job);
        let panic = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Calls `work(index, chunk)` for each `size` long chunk of `values` (the last may be shorter).
    ///
    /// # Panics
    /// A panic of `work` is passed on once every participant has stopped.
    pub fn chunks_mut<T: Send>(&self, values: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        let size = size.max(1);
        let length = values.len();
        let shared = Shared::new(values);
        self.for_each(length.div_ceil(size), 1, |range| {
            for index in range {
                let from = index * size;
                // SAFETY: for_each hands out every index once, and chunks of different indices are disjoint.
                #[expect(unsafe_code, reason = "disjoint chunks of one slice go to different threads")]
                let chunk = unsafe { shared.slice_mut(from, size.min(length - from)) };
                work(index, chunk);
            }
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.wake();
        for worker in self.workers.drain(..) {
            // A worker hands every panic of its work to the caller; there is nothing left to report here.
            drop(worker.join());
        }
    }
}

/// What the threads of a pool share.
#[derive(Debug, Default)]
struct State {
    /// Bit 31: a run is open for workers to join. Lower bits: workers inside. Upper 32 bits: number of the run.
    word: AtomicU64,
    /// The open run.
    job: AtomicPtr<Job<'static>>,
    ended: AtomicBool,
    sleepers: Mutex<Vec<Sleeper>>,
    /// Held by the thread whose run it is.
    turn: Mutex<()>,
}

const OPEN: u64 = 1 << 31;
const INSIDE: u64 = OPEN - 1;

#[derive(Debug)]
struct Sleeper {
    parked: Arc<AtomicBool>,
    thread: Thread,
}

/// One run; lives on the caller's stack.
struct Job<'a> {
    work: &'a (dyn Fn(Range<usize>) + Sync),
    total: usize,
    grain: usize,
    threads: usize,
    next: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    caller: Thread,
}

impl Job<'_> {
    /// Claims ranges until none are left. They get smaller towards the end, so that all finish together.
    fn take_part(&self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            while let Some(range) = self.claim() {
                (self.work)(range);
            }
        }));
        if let Err(panic) = outcome {
            // Nobody needs to do the rest.
            self.next.store(self.total, Ordering::Relaxed);
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
        }
    }

    fn claim(&self) -> Option<Range<usize>> {
        let left = self.total.saturating_sub(self.next.load(Ordering::Relaxed));
        let size = (left / (4 * self.threads)).next_multiple_of(self.grain).max(self.grain);
        let from = self.next.fetch_add(size, Ordering::Relaxed);
        (from < self.total).then(|| from..self.total.min(from + size))
    }
}

#[expect(unsafe_code, reason = "a run lives on the caller's stack and workers reach it by pointer")]
impl State {
    /// Opens a run, takes part, closes it and waits for the workers that joined.
    fn execute(&self, job: &Job<'_>) {
        self.job.store(std::ptr::from_ref(job).cast_mut().cast(), Ordering::Relaxed);
        let run = (self.word.load(Ordering::Relaxed) >> 32).wrapping_add(1) & u64::from(u32::MAX);
        self.word.store(run << 32 | OPEN, Ordering::SeqCst);
        self.wake();
        job.take_part();
        self.word.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spin = Spin::default();
        while self.word.load(Ordering::Acquire) & INSIDE != 0 {
            if !spin.again() {
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
    }

    fn wake(&self) {
        fence(Ordering::SeqCst);
        for sleeper in &*self.sleepers.lock().unwrap_or_else(PoisonError::into_inner) {
            if sleeper.parked.load(Ordering::Relaxed) && sleeper.parked.swap(false, Ordering::SeqCst) {
                sleeper.thread.unpark();
            }
        }
    }

    /// A worker's life.
    fn work(&self, parked: &AtomicBool) {
        let mut seen = 0;
        while let Some(run) = self.next_run(seen, parked) {
            seen = run;
            let joined = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
                (word & OPEN != 0 && word >> 32 == run).then_some(word + 1)
            });
            if joined.is_err() {
                continue;
            }
            // SAFETY: this worker is counted as inside the run, and the caller keeps the job alive until
            // nobody is; the pointer was stored before the run was opened.
            let job = unsafe { &*self.job.load(Ordering::Relaxed) };
            job.take_part();
            let caller = job.caller.clone();
            let before = self.word.fetch_sub(1, Ordering::AcqRel);
            if before & OPEN == 0 && before & INSIDE == 1 {
                caller.unpark();
            }
        }
    }

    /// Waits for a run other than `seen`; `None` when the pool ends.
    fn next_run(&self, seen: u64, parked: &AtomicBool) -> Option<u64> {
        let mut spin = Spin::default();
        loop {
            if self.ended.load(Ordering::SeqCst) {
                return None;
            }
            let word = self.word.load(Ordering::SeqCst);
            if word & OPEN != 0 && word >> 32 != seen {
                return Some(word >> 32);
            }
            if spin.again() {
                continue;
            }
            // Only when the flag was up before the look at the state: whoever changes that afterwards sees
            // the flag and unparks.
            if parked.swap(true, Ordering::SeqCst) {
                std::thread::park();
                spin = Spin::default();
            }
        }
    }
}

/// Bounded spinning.
#[derive(Default)]
struct Spin {
    rounds: u32,
    #[expect(clippy::disallowed_types, reason = "no runtime here; bounds a spin of microseconds")]
    since: Option<std::time::Instant>,
}

impl Spin {
    /// Waits a moment; false when the time for spinning is over.
    #[expect(clippy::disallowed_types, reason = "no runtime here; bounds a spin of microseconds")]
    fn again(&mut self) -> bool {
        self.rounds += 1;
        std::hint::spin_loop();
        // The clock costs more than a round; look at it now and then.
        if !self.rounds.is_multiple_of(16) {
            return true;
        }
        let since = *self.since.get_or_insert_with(std::time::Instant::now);
        since.elapsed() < SPIN
    }
}

/// A mutable slice whose disjoint parts are written by several threads.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    slice: PhantomData<&'a mut [T]>,
}

#[expect(unsafe_code, reason = "see slice_mut")]
// SAFETY: only slice_mut reaches the values, and its callers keep the parts disjoint.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) const fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), length: slice.len(), slice: PhantomData }
    }

    /// The `length` elements from `from` on.
    ///
    /// # Safety
    /// Within the slice, and no other thread holds an overlapping part.
    #[expect(unsafe_code, reason = "several threads write one output")]
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint by the function's contract")]
    pub(crate) unsafe fn slice_mut(&self, from: usize, length: usize) -> &mut [T] {
        debug_assert!(from + length <= self.length);
        // SAFETY: the caller keeps it within the slice and disjoint from every other part in use.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), length) }
    }
}
