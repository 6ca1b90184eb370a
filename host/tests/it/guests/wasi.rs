//! The parts of WASI 0.2 that guests in tests import, and a world with them.

use wit_parser::{PackageId, Resolve};

pub(super) const IMPORTS: &str = r#"
    (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
    (import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
    (import "wasi:cli/stdin@0.2.0" "get-stdin" (func $stdin (result i32)))
    (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
    (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
    (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
    (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read"
        (func $read (param i32 i64 i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
        (func $print (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.write"
        (func $print_at_once (param i32 i32 i32 i32)))
    (import "wasi:io/poll@0.2.0" "poll" (func $poll (param i32 i32 i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
        (func $timer (param i64) (result i32)))
    (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall (param i32)))
    (import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
    (import "wasi:random/random@0.2.0" "get-random-u64" (func $random_word (result i64)))
    (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket"
        (func $tcp (param i32 i32)))
    (import "wasi:sockets/udp-create-socket@0.2.0" "create-udp-socket"
        (func $udp (param i32 i32)))
    (import "wasi:sockets/instance-network@0.2.0" "instance-network"
        (func $network (result i32)))
    (import "wasi:sockets/ip-name-lookup@0.2.0" "resolve-addresses"
        (func $resolve (param i32 i32 i32 i32)))
    (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
    (import "wasi:http/types@0.2.0" "[constructor]outgoing-request"
        (func $request (param i32) (result i32)))
    (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority"
        (func $authority (param i32 i32 i32 i32) (result i32)))
    (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query"
        (func $path (param i32 i32 i32 i32) (result i32)))
    (import "wasi:http/outgoing-handler@0.2.0" "handle" (func $handle (param i32 i32 i32 i32)))
    (import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe"
        (func $answered (param i32) (result i32)))
    (import "wasi:http/types@0.2.0" "[method]future-incoming-response.get"
        (func $answer (param i32 i32)))
"#;

/// Texts of the packages, each after those that it uses.
const PACKAGES: &[&str] = &[
    "package wasi:io@0.2.0;
    interface error { resource error; }
    interface poll {
        resource pollable { block: func(); }
        poll: func(in: list<borrow<pollable>>) -> list<u32>;
    }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource input-stream {
            blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
        }
        resource output-stream {
            write: func(contents: list<u8>) -> result<_, stream-error>;
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }",
    "package wasi:clocks@0.2.0;
    interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }
    interface wall-clock {
        record datetime { seconds: u64, nanoseconds: u32 }
        now: func() -> datetime;
    }",
    "package wasi:random@0.2.0;
    interface random {
        get-random-bytes: func(len: u64) -> list<u8>;
        get-random-u64: func() -> u64;
    }",
    "package wasi:cli@0.2.0;
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
    }
    interface exit { exit: func(status: result); }
    interface stdin {
        use wasi:io/streams@0.2.0.{input-stream};
        get-stdin: func() -> input-stream;
    }
    interface stdout {
        use wasi:io/streams@0.2.0.{output-stream};
        get-stdout: func() -> output-stream;
    }
    interface stderr {
        use wasi:io/streams@0.2.0.{output-stream};
        get-stderr: func() -> output-stream;
    }",
    "package wasi:filesystem@0.2.0;
    interface types { resource descriptor; }
    interface preopens {
        use types.{descriptor};
        get-directories: func() -> list<tuple<descriptor, string>>;
    }",
    "package wasi:sockets@0.2.0;
    interface network {
        resource network;
        enum error-code {
            unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout,
            concurrency-conflict, not-in-progress, would-block, invalid-state,
            new-socket-limit, address-not-bindable, address-in-use, remote-unreachable,
            connection-refused, connection-reset, connection-aborted, datagram-too-large,
            name-unresolvable, temporary-resolver-failure, permanent-resolver-failure
        }
        enum ip-address-family { ipv4, ipv6 }
    }
    interface instance-network {
        use network.{network};
        instance-network: func() -> network;
    }
    interface ip-name-lookup {
        use network.{network, error-code};
        resource resolve-address-stream;
        resolve-addresses: func(network: borrow<network>, name: string)
            -> result<resolve-address-stream, error-code>;
    }
    interface tcp { resource tcp-socket; }
    interface tcp-create-socket {
        use network.{error-code, ip-address-family};
        use tcp.{tcp-socket};
        create-tcp-socket: func(address-family: ip-address-family)
            -> result<tcp-socket, error-code>;
    }
    interface udp { resource udp-socket; }
    interface udp-create-socket {
        use network.{error-code, ip-address-family};
        use udp.{udp-socket};
        create-udp-socket: func(address-family: ip-address-family)
            -> result<udp-socket, error-code>;
    }",
    "package wasi:http@0.2.0;
    interface types {
        use wasi:io/poll@0.2.0.{pollable};
        record DNS-error-payload { rcode: option<string>, info-code: option<u16> }
        record TLS-alert-received-payload {
            alert-id: option<u8>, alert-message: option<string>
        }
        record field-size-payload { field-name: option<string>, field-size: option<u32> }
        variant error-code {
            DNS-timeout, DNS-error(DNS-error-payload), destination-not-found,
            destination-unavailable, destination-IP-prohibited, destination-IP-unroutable,
            connection-refused, connection-terminated, connection-timeout,
            connection-read-timeout, connection-write-timeout, connection-limit-reached,
            TLS-protocol-error, TLS-certificate-error,
            TLS-alert-received(TLS-alert-received-payload), HTTP-request-denied,
            HTTP-request-length-required, HTTP-request-body-size(option<u64>),
            HTTP-request-method-invalid, HTTP-request-URI-invalid, HTTP-request-URI-too-long,
            HTTP-request-header-section-size(option<u32>),
            HTTP-request-header-size(option<field-size-payload>),
            HTTP-request-trailer-section-size(option<u32>),
            HTTP-request-trailer-size(field-size-payload), HTTP-response-incomplete,
            HTTP-response-header-section-size(option<u32>),
            HTTP-response-header-size(field-size-payload),
            HTTP-response-body-size(option<u64>),
            HTTP-response-trailer-section-size(option<u32>),
            HTTP-response-trailer-size(field-size-payload),
            HTTP-response-transfer-coding(option<string>),
            HTTP-response-content-coding(option<string>), HTTP-response-timeout,
            HTTP-upgrade-failed, HTTP-protocol-error, loop-detected, configuration-error,
            internal-error(option<string>)
        }
        resource fields { constructor(); }
        resource outgoing-request {
            constructor(headers: fields);
            set-authority: func(authority: option<string>) -> result;
            set-path-with-query: func(path-with-query: option<string>) -> result;
        }
        resource request-options;
        resource incoming-response;
        resource future-incoming-response {
            subscribe: func() -> pollable;
            get: func() -> option<result<result<incoming-response, error-code>>>;
        }
    }
    interface outgoing-handler {
        use types.{outgoing-request, request-options, future-incoming-response, error-code};
        handle: func(request: outgoing-request, options: option<request-options>)
            -> result<future-incoming-response, error-code>;
    }",
    "package test:guests;
    world guest {
        include f1-streams:extractor/extractor@1.0.0;
        import wasi:cli/environment@0.2.0;
        import wasi:cli/exit@0.2.0;
        import wasi:cli/stdin@0.2.0;
        import wasi:cli/stdout@0.2.0;
        import wasi:cli/stderr@0.2.0;
        import wasi:io/poll@0.2.0;
        import wasi:io/streams@0.2.0;
        import wasi:clocks/monotonic-clock@0.2.0;
        import wasi:clocks/wall-clock@0.2.0;
        import wasi:random/random@0.2.0;
        import wasi:filesystem/preopens@0.2.0;
        import wasi:sockets/instance-network@0.2.0;
        import wasi:sockets/ip-name-lookup@0.2.0;
        import wasi:sockets/tcp-create-socket@0.2.0;
        import wasi:sockets/udp-create-socket@0.2.0;
        import wasi:http/outgoing-handler@0.2.0;
    }",
];

/// The package of the world `guest`.
pub(super) fn package(resolve: &mut Resolve) -> PackageId {
    let mut last = None;
    for (i, text) in PACKAGES.iter().enumerate() {
        last = Some(resolve.push_str(format!("{i}.wit"), text).unwrap());
    }
    last.unwrap()
}
