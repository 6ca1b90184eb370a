//! `wasi:http`, for runtimes that import it by default: requests can be made up
//! and none is sent.

use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::add_only_http_to_linker_async;
use wasmtime_wasi_http::{
    Error, RequestOptions, Result, WasiBody, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::Call;

/// Denies every request.
pub(super) struct Denied;

type Transfer = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Denied {
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _received: Transfer,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transfer)>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }

    /// Nobody reads a body that is written before its request is denied.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        64 << 10
    }
}

impl WasiHttpView for Call {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.wasi.hooks,
            table: &mut self.wasi.table,
            ctx: &mut self.wasi.http,
        }
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    add_only_http_to_linker_async(linker)
}
