package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

const (
	headerBytes = 16
	opMsg       = 2013
	mostBytes   = 48_000_000 + 1_000_000
)

// What only reads, and need not wait. Everything else goes in one at a time.
var reading = map[string]bool{
	"find": true, "getMore": true, "killCursors": true, "aggregate": true, "count": true, "distinct": true, "explain": true,
	"hello": true, "isMaster": true, "ismaster": true, "ping": true, "buildInfo": true, "buildinfo": true, "endSessions": true,
	"listCollections": true, "listDatabases": true, "listIndexes": true, "getParameter": true, "serverStatus": true,
}

var writing sync.Mutex

// MongoDB changes a document in one step. FerretDB reads it, changes it and writes it back, so two changes at one moment would be one:
// they are let in one after another here.
func serve(front net.Listener, to string) {
	for {
		client, err := front.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer server.Close()
			_ = pass(client, server)
		}()
	}
}

// Each message has one answer.
func pass(client, server net.Conn) error {
	fromClient, fromServer := bufio.NewReaderSize(client, 1<<16), bufio.NewReaderSize(server, 1<<16)
	for {
		question, err := message(fromClient)
		if err != nil {
			return err
		}
		answer, err := ask(question, server, fromServer)
		if err != nil {
			return err
		}
		if _, err = client.Write(answer); err != nil {
			return err
		}
	}
}

func ask(question []byte, server net.Conn, answers *bufio.Reader) ([]byte, error) {
	if !reading[command(question)] {
		writing.Lock()
		defer writing.Unlock()
	}
	if _, err := server.Write(question); err != nil {
		return nil, err
	}
	return message(answers)
}

func message(from *bufio.Reader) ([]byte, error) {
	header, err := from.Peek(4)
	if err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header)
	if length < headerBytes || length > mostBytes {
		return nil, errors.New("not a message")
	}
	whole := make([]byte, length)
	_, err = io.ReadFull(from, whole)
	return whole, err
}

// The first field of a message's body. The first messages of a connection are of an older kind, and only greet.
func command(whole []byte) string {
	if binary.LittleEndian.Uint32(whole[12:]) != opMsg {
		return "hello"
	}
	// Flags, the kind of the first section, the length of its document, the type of its first field.
	const name = headerBytes + 4 + 1 + 4 + 1
	if len(whole) <= name || whole[headerBytes+4] != 0 {
		return ""
	}
	end := bytes.IndexByte(whole[name:], 0)
	if end < 0 {
		return ""
	}
	return string(whole[name : name+end])
}
