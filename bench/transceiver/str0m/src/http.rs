//! The little HTTP that an offer needs: one POST with a Content-Length on a connection.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;

const LARGEST_BODY: usize = 1 << 16;

/// The body of the request, whatever its path.
pub fn read_body(stream: &TcpStream) -> Result<String, Error> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(Error::other)?;
        }
    }
    let mut body = vec![0; usize::min(length, LARGEST_BODY)];
    reader.read_exact(&mut body)?;
    String::from_utf8(body).map_err(Error::other)
}

pub fn answer(mut stream: &TcpStream, status: &str, body: &str) -> Result<(), Error> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n")?;
    write!(stream, "Connection: close\r\n\r\n{body}")
}
