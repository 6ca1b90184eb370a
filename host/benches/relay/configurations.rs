//! What each peer is told.

use std::net::SocketAddr;
use std::path::Path;

use crate::peers::Peer;

/// It has no option for the address that it binds.
pub(crate) const PIN: &str = "const { Server } = require('net')\n\
    const { listen } = Server.prototype\n\
    Server.prototype.listen = function (port, host, ...rest) {\n\
      return listen.call(this, port, '127.0.0.1', ...rest)\n\
    }\n";

/// Ours: links to the origin on loopback, no limit that counts one machine's
/// viewers as one household's.
pub(crate) fn ours(peer: Peer, port: u16) -> String {
    let window = if peer.is_shared() { "256MiB" } else { "0" };
    format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\nmax_connections_per_client = 4096\n\
         [metrics]\nlisten = \"\"\n\
         [net]\nports = []\nallow_addresses = [\"127.0.0.1/32\"]\nper_origin = 1024\n\
         [relay]\nwindow = \"{window}\"\n\
         [schedule]\njolpica_url = \"http://127.0.0.1:9/\"\nopenf1_url = \"http://127.0.0.1:9/\"\n[log]\nfilter = \"error\"\n"
    )
}

pub(crate) fn nginx(peer: Peer, port: u16, origin: SocketAddr, dir: &Path) -> String {
    let dir = dir.display();
    // Otherwise its workers are somebody who may not write here.
    let user = if rustix::process::geteuid().is_root() {
        "user root;\n"
    } else {
        ""
    };
    let http = match peer {
        Peer::NginxCache => format!(
            "proxy_cache_path {dir}/cache levels=1:2 keys_zone=bench:16m max_size=4g use_temp_path=off;\n"
        ),
        _ => String::new(),
    };
    let location = match peer {
        Peer::NginxUnbuffered => "proxy_buffering off;",
        Peer::NginxUnbuffered64k => {
            "proxy_buffering off;\nproxy_buffer_size 64k;\nproxy_buffers 8 64k;"
        }
        Peer::NginxCache => "proxy_cache bench;\nproxy_cache_lock on;",
        _ => "",
    };
    format!(
        "daemon off;\n{user}worker_processes 2;\npid {dir}/pid;\nerror_log {dir}/error.log;\n\
         worker_rlimit_nofile 16384;\nevents {{ worker_connections 8192; }}\n\
         http {{\naccess_log off;\nsendfile on;\ntcp_nopush on;\ntcp_nodelay on;\n\
         keepalive_requests 10000000;\nclient_body_temp_path {dir}/body;\n\
         proxy_temp_path {dir}/proxy;\nfastcgi_temp_path {dir}/fastcgi;\n\
         uwsgi_temp_path {dir}/uwsgi;\nscgi_temp_path {dir}/scgi;\n{http}\
         upstream origin {{\nserver {origin};\nkeepalive 512;\nkeepalive_requests 10000000;\n}}\n\
         server {{\nlisten 127.0.0.1:{port} reuseport backlog=4096;\n\
         location / {{\nproxy_pass http://origin;\nproxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n{location}\n}}\n}}\n}}\n"
    )
}
