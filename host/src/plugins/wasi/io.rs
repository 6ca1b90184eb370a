//! `wasi:io` with an end to every wait: whatever a guest waits for here, its
//! call's deadline ends.

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::io::{error, poll, streams};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};

use super::Call;
use super::output::PIECE;
use crate::plugins::meters::Time;

/// The handles of a call, and its time.
pub(super) struct Bounded<'a> {
    table: &'a mut ResourceTable,
    time: &'a mut Time,
}

struct HasBounded;

impl HasData for HasBounded {
    type Data<'a> = Bounded<'a>;
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

pub(super) fn add_to_linker(linker: &mut Linker<Call>) -> Result<()> {
    fn bounded(call: &mut Call) -> Bounded<'_> {
        Bounded {
            table: &mut call.wasi.table,
            time: &mut call.time,
        }
    }
    error::add_to_linker::<Call, HasTable>(linker, |call| &mut call.wasi.table)?;
    poll::add_to_linker::<Call, HasBounded>(linker, bounded)?;
    streams::add_to_linker::<Call, HasBounded>(linker, bounded)
}

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;
type Handle = Resource<DynPollable>;

impl Bounded<'_> {
    async fn stream<T>(
        time: &mut Time,
        work: impl Future<Output = StreamResult<T>>,
    ) -> StreamResult<T> {
        time.bound(work).await.map_err(StreamError::Trap)?
    }
}

impl poll::Host for Bounded<'_> {
    async fn poll(&mut self, handles: Vec<Handle>) -> Result<Vec<u32>> {
        self.time
            .bound(poll::Host::poll(self.table, handles))
            .await?
    }
}

impl poll::HostPollable for Bounded<'_> {
    async fn block(&mut self, handle: Handle) -> Result<()> {
        self.time
            .bound(poll::HostPollable::block(self.table, handle))
            .await?
    }

    async fn ready(&mut self, handle: Handle) -> Result<bool> {
        poll::HostPollable::ready(self.table, handle).await
    }

    fn drop(&mut self, handle: Handle) -> Result<()> {
        poll::HostPollable::drop(self.table, handle)
    }
}

impl streams::Host for Bounded<'_> {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        streams::Host::convert_stream_error(self.table, error)
    }
}

impl streams::HostInputStream for Bounded<'_> {
    fn read(&mut self, stream: Input, len: u64) -> StreamResult<Vec<u8>> {
        streams::HostInputStream::read(self.table, stream, len)
    }

    async fn blocking_read(&mut self, stream: Input, len: u64) -> StreamResult<Vec<u8>> {
        let work = streams::HostInputStream::blocking_read(self.table, stream, len);
        Self::stream(self.time, work).await
    }

    fn skip(&mut self, stream: Input, len: u64) -> StreamResult<u64> {
        streams::HostInputStream::skip(self.table, stream, len)
    }

    async fn blocking_skip(&mut self, stream: Input, len: u64) -> StreamResult<u64> {
        let work = streams::HostInputStream::blocking_skip(self.table, stream, len);
        Self::stream(self.time, work).await
    }

    fn subscribe(&mut self, stream: Input) -> Result<Handle> {
        streams::HostInputStream::subscribe(self.table, stream)
    }

    async fn drop(&mut self, stream: Input) -> Result<()> {
        let work = streams::HostInputStream::drop(self.table, stream);
        self.time.bound(work).await?
    }
}

impl streams::HostOutputStream for Bounded<'_> {
    fn check_write(&mut self, stream: Output) -> StreamResult<u64> {
        streams::HostOutputStream::check_write(self.table, stream)
    }

    fn write(&mut self, stream: Output, bytes: Vec<u8>) -> StreamResult<()> {
        // As with every other write, which wasmtime checks itself.
        if bytes.len() > PIECE {
            return Err(StreamError::trap("more at once than is ever permitted"));
        }
        streams::HostOutputStream::write(self.table, stream, bytes)
    }

    async fn blocking_write_and_flush(
        &mut self,
        stream: Output,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        let work = streams::HostOutputStream::blocking_write_and_flush(self.table, stream, bytes);
        Self::stream(self.time, work).await
    }

    fn flush(&mut self, stream: Output) -> StreamResult<()> {
        streams::HostOutputStream::flush(self.table, stream)
    }

    async fn blocking_flush(&mut self, stream: Output) -> StreamResult<()> {
        let work = streams::HostOutputStream::blocking_flush(self.table, stream);
        Self::stream(self.time, work).await
    }

    fn subscribe(&mut self, stream: Output) -> Result<Handle> {
        streams::HostOutputStream::subscribe(self.table, stream)
    }

    fn write_zeroes(&mut self, stream: Output, len: u64) -> StreamResult<()> {
        streams::HostOutputStream::write_zeroes(self.table, stream, len)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Output,
        len: u64,
    ) -> StreamResult<()> {
        let work =
            streams::HostOutputStream::blocking_write_zeroes_and_flush(self.table, stream, len);
        Self::stream(self.time, work).await
    }

    fn splice(&mut self, to: Output, from: Input, len: u64) -> StreamResult<u64> {
        streams::HostOutputStream::splice(self.table, to, from, len)
    }

    async fn blocking_splice(&mut self, to: Output, from: Input, len: u64) -> StreamResult<u64> {
        let work = streams::HostOutputStream::blocking_splice(self.table, to, from, len);
        Self::stream(self.time, work).await
    }

    async fn drop(&mut self, stream: Output) -> Result<()> {
        let work = streams::HostOutputStream::drop(self.table, stream);
        self.time.bound(work).await?
    }
}
