//! A stream that gives an unknown client little to say: before it has signed in, only so many bytes are read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read from a client that has not signed in. The largest frame it may send is smaller by the frame's head.
pub(super) const BEFORE_SIGN_IN: usize = 64 * 1024;

/// Opens its stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Latch(Arc<AtomicBool>);

impl Latch {
    /// Lifts the bound, once and for all.
    pub(super) fn open(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reads at most [`BEFORE_SIGN_IN`] bytes until its latch is opened, then fails.
#[derive(Debug)]
pub(super) struct Gate<S> {
    inner: S,
    latch: Latch,
    read: usize,
}

impl<S> Gate<S> {
    pub(super) fn new(inner: S, latch: Latch) -> Self {
        Self { inner, latch, read: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.latch.0.load(Ordering::Acquire) {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        this.read += buffer.filled().len() - before;
        if this.read > BEFORE_SIGN_IN {
            return Poll::Ready(Err(io::Error::other("too much was sent before signing in")));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}
