//! A server of HTTP/1.1 for a page on this machine. It answers requests that name this address as their host, so no other name that
//! leads here (DNS rebinding), and that come from its own page, so no other origin.
//!
//! Each connection has a thread. Requests are limited in size, and connections in time. If no more connections can be opened, those that
//! have been idle longest are closed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The largest head and body of a request in bytes.
const HEAD: usize = 16 << 10;
const BODY: usize = 1 << 20;
const HEADERS: usize = 64;
/// The most connections.
const CONNECTIONS: usize = 4096;
/// The longest time between two requests of a connection, and the longest time that a request or an answer takes.
const IDLE: Duration = Duration::from_secs(60);
const SLOW: Duration = Duration::from_secs(10);

pub struct Request<'r> {
    pub method: &'r str,
    pub path: &'r str,
    query: &'r str,
    pub body: &'r [u8],
}

impl Request<'_> {
    /// A number in the query.
    pub fn number(&self, name: &str) -> Option<u64> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name)?.1.parse().ok()
    }
}

pub struct Response {
    pub status: u16,
    /// The media type.
    pub kind: &'static str,
    pub body: Cow<'static, [u8]>,
}

impl Response {
    pub fn new(status: u16, kind: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        Response { status, kind, body: body.into() }
    }

    /// An error that the page shows.
    pub fn error(status: u16, message: &str) -> Self {
        Response::new(status, "application/json", serde_json::json!({ "error": message }).to_string().into_bytes())
    }
}

/// Answers requests until the listener fails.
pub fn serve(
    listener: &TcpListener,
    answer: impl Fn(&Request<'_>) -> Response + Send + Sync + 'static,
) -> io::Result<()> {
    let port = listener.local_addr()?.port();
    let server = Arc::new(Server { port, answer, open: Mutex::default() });
    let mut next = 0;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                next += 1;
                let (own, stream, id) = (server.clone(), Arc::new(stream), next);
                let admitted = server.admit(id, &stream);
                let serve = move || {
                    let _ = own.converse(id, &stream); // the client has gone, or is too slow
                    own.lock().remove(&id);
                };
                if admitted && thread::Builder::new().spawn(serve).is_err() {
                    server.lock().remove(&id); // without a thread the connection is closed
                }
            }
            // One was aborted, or there are too many.
            Err(_) => {
                server.close_idle();
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// The connections by number, and since when they have been idle.
type Connections = HashMap<u64, (Arc<TcpStream>, Option<Instant>)>;

struct Server<A> {
    port: u16,
    answer: A,
    open: Mutex<Connections>,
}

impl<A: Fn(&Request<'_>) -> Response> Server<A> {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, id: u64, stream: &Arc<TcpStream>) -> bool {
        if self.lock().len() >= CONNECTIONS {
            self.close_idle();
        }
        let mut open = self.lock();
        let admitted = open.len() < CONNECTIONS;
        if admitted {
            open.insert(id, (stream.clone(), Some(Instant::now())));
        }
        admitted
    }

    /// Closes the connection that has been idle longest.
    fn close_idle(&self) {
        let mut open = self.lock();
        let idle = open.iter().filter_map(|(id, (_, since))| Some((since.as_ref()?, *id)));
        if let Some(id) = idle.min().map(|(_, id)| id)
            && let Some((stream, _)) = open.remove(&id)
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn set_idle(&self, id: u64, since: Option<Instant>) {
        if let Some(connection) = self.lock().get_mut(&id) {
            connection.1 = since;
        }
    }

    /// Answers the requests of a connection.
    fn converse(&self, id: u64, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(SLOW))?;
        let mut received = Vec::new();
        loop {
            self.set_idle(id, Some(Instant::now()));
            let (response, used, goes_on) = match self.request(id, stream, &mut received)? {
                Received::End => return Ok(()),
                Received::Answer(response, used, goes_on) => (response, used, goes_on),
            };
            send(stream, &response, goes_on)?;
            if !goes_on {
                return linger(stream);
            }
            received.drain(..used);
        }
    }

    /// Reads a request and answers it.
    fn request(&self, id: u64, mut stream: &TcpStream, received: &mut Vec<u8>) -> io::Result<Received> {
        let mut deadline = Instant::now() + IDLE;
        let mut slow = !received.is_empty();
        if slow {
            deadline = Instant::now() + SLOW;
        }
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS];
            let mut head = httparse::Request::new(&mut headers);
            let refuse = |status, why: &str| Ok(Received::Answer(Response::error(status, why), 0, false));
            match head.parse(&received[..]) {
                Err(_) => return refuse(400, "this is no request of HTTP"),
                Ok(httparse::Status::Partial) if received.len() >= HEAD => return refuse(431, "the head is too large"),
                Ok(httparse::Status::Partial) => {}
                Ok(httparse::Status::Complete(length)) => {
                    let body = match self.expected(&head) {
                        Ok(body) => body,
                        Err((status, why)) => return refuse(status, why),
                    };
                    if received.len() >= length + body {
                        self.set_idle(id, None);
                        let goes_on = head.version == Some(1) && !asks_to_close(&head);
                        let response = self.answer(&head, &received[length..length + body]);
                        return Ok(Received::Answer(response, length + body, goes_on));
                    }
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left))?;
            let mut part = [0; 8 << 10];
            match stream.read(&mut part)? {
                0 => return Ok(Received::End),
                count => received.extend(&part[..count]),
            }
            if !slow {
                (slow, deadline) = (true, Instant::now() + SLOW);
            }
        }
    }

    /// The length of the body, or why the request is refused.
    fn expected(&self, head: &httparse::Request<'_, '_>) -> Result<usize, (u16, &'static str)> {
        let all = |name: &str| {
            let named = head.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
            named.map(|header| std::str::from_utf8(header.value).unwrap_or("?")).collect::<Vec<_>>()
        };
        let hosts = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        match all("host")[..] {
            [host] if hosts.iter().any(|own| own == host) => {}
            _ => return Err((403, "this host is not served; use the address that the program printed")),
        }
        let own =
            |origin: &&str| origin.strip_prefix("http://").is_some_and(|host| hosts.iter().any(|own| own == host));
        let of_a_link = all("sec-fetch-mode") == ["navigate"];
        let sites = all("sec-fetch-site");
        let own_site = sites.iter().all(|site| ["same-origin", "none"].contains(site)) || of_a_link;
        if !all("origin").iter().all(own) || !own_site {
            return Err((403, "another origin is not answered"));
        }
        if !head.path.is_some_and(|path| path.starts_with('/')) {
            return Err((400, "the target of a request begins with /"));
        }
        if !all("transfer-encoding").is_empty() {
            return Err((501, "a body has a Content-Length"));
        }
        match all("content-length")[..] {
            [] => Ok(0),
            [length] if !length.is_empty() && length.bytes().all(|digit| digit.is_ascii_digit()) => {
                let length = length.parse().unwrap_or(usize::MAX);
                if length > BODY { Err((413, "the body is too large")) } else { Ok(length) }
            }
            _ => Err((400, "Content-Length is not one number")),
        }
    }

    fn answer(&self, head: &httparse::Request<'_, '_>, body: &[u8]) -> Response {
        let target = head.path.unwrap_or("/");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request { method: head.method.unwrap_or_default(), path, query, body };
        let answer = catch_unwind(AssertUnwindSafe(|| (self.answer)(&request)));
        answer.unwrap_or_else(|_| Response::error(500, "the playground made a mistake; the terminal shows it"))
    }
}

enum Received {
    /// The answer, the length of the request, and whether the connection goes on.
    Answer(Response, usize, bool),
    /// The client closed the connection.
    End,
}

fn asks_to_close(head: &httparse::Request<'_, '_>) -> bool {
    let mut all = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("connection"));
    all.any(|header| header.value.to_ascii_lowercase().windows(5).any(|word| word == b"close"))
}

fn send(mut stream: &TcpStream, response: &Response, goes_on: bool) -> io::Result<()> {
    let Response { status, kind, body } = response;
    let reason = match status {
        200 => "OK",
        400..=499 => "Refused",
        _ => "Failed",
    };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: default-src 'self'; img-src 'self' data:; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n\r\n",
        body.len(),
        if goes_on { "keep-alive" } else { "close" }
    );
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// Lets the client read the last answer: a connection that is closed before all was read is reset.
fn linger(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    let (mut part, deadline) = ([0; 8 << 10], Instant::now() + SLOW);
    while Instant::now() < deadline && stream.read(&mut part)? > 0 {}
    Ok(())
}
