// SPDX-License-Identifier: MIT

// Go: a goroutine a connection, bufio for lines and lengths, flushed when no more input is at hand. GOMAXPROCS is what
// the environment says.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
	"strconv"
)

func serveStream(peer net.Conn, bufferSize int) {
	defer peer.Close()
	data := make([]byte, bufferSize)
	for {
		n, err := peer.Read(data)
		if n > 0 {
			if _, err := peer.Write(bytes.ToUpper(data[:n])); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func serveLines(peer net.Conn) {
	defer peer.Close()
	in := bufio.NewReader(peer)
	out := bufio.NewWriter(peer)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if _, err := out.Write(bytes.ToUpper(line)); err != nil {
			return
		}
		if in.Buffered() == 0 {
			if out.Flush() != nil {
				return
			}
		}
	}
}

func serveLengths(peer net.Conn) {
	defer peer.Close()
	in := bufio.NewReaderSize(peer, 32*1024)
	out := bufio.NewWriterSize(peer, 32*1024)
	var header [4]byte
	var data []byte
	for {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return
		}
		size := int(binary.BigEndian.Uint32(header[:]))
		if cap(data) < size {
			data = make([]byte, size)
		}
		data = data[:size]
		if _, err := io.ReadFull(in, data); err != nil {
			return
		}
		out.Write(header[:])
		out.Write(bytes.ToUpper(data))
		if in.Buffered() == 0 {
			if out.Flush() != nil {
				return
			}
		}
	}
}

func main() {
	bufferSize := 4096
	if len(os.Args) > 3 {
		bufferSize, _ = strconv.Atoi(os.Args[3])
	}
	// The backlog is net.core.somaxconn and TCP_NODELAY is on: Go's defaults.
	listener, err := net.Listen("tcp4", ":"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		peer, err := listener.Accept()
		if err != nil {
			continue
		}
		switch os.Args[2] {
		case "line":
			go serveLines(peer)
		case "length":
			go serveLengths(peer)
		default:
			go serveStream(peer, bufferSize)
		}
	}
}
