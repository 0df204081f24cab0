// SPDX-License-Identifier: MIT
//
// tokio on one thread (its current_thread runtime), with tokio-util's codecs: LinesCodec and LengthDelimitedCodec.
// `forward` writes what is ready at once and flushes when no more is: the library's own way to batch.
use futures::stream::{StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::codec::{Framed, LengthDelimitedCodec, LinesCodec};

async fn serve_stream(mut peer: TcpStream, buffer_size: usize) -> std::io::Result<()> {
    let mut data = vec![0u8; buffer_size];
    loop {
        let size = peer.read(&mut data).await?;
        if size == 0 {
            return Ok(());
        }
        data[..size].make_ascii_uppercase();
        peer.write_all(&data[..size]).await?;
    }
}

async fn serve_lines(peer: TcpStream) {
    let (sink, lines) = Framed::new(peer, LinesCodec::new()).split();
    let replies = lines.map_ok(|mut line| {
        line.make_ascii_uppercase();
        line
    });
    let _ = replies.forward(sink).await;
}

async fn serve_lengths(peer: TcpStream) {
    let (sink, frames) = Framed::new(peer, LengthDelimitedCodec::new()).split();
    let replies = frames.map_ok(|mut frame| {
        frame.make_ascii_uppercase();
        frame.freeze()
    });
    let _ = replies.forward(sink).await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let port: u16 = arguments[1].parse().expect("PORT");
    let framing = arguments[2].clone();
    let buffer_size: usize = arguments.get(3).map_or(4096, |text| text.parse().expect("bytes"));
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([0, 0, 0, 0], port).into())?;
    let listener = socket.listen(4096)?;
    loop {
        let (peer, _) = listener.accept().await?;
        peer.set_nodelay(true)?;
        match framing.as_str() {
            "line" => drop(tokio::spawn(serve_lines(peer))),
            "length" => drop(tokio::spawn(serve_lengths(peer))),
            _ => drop(tokio::spawn(serve_stream(peer, buffer_size))),
        }
    }
}
