package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

// connection is a visitor's. An app with its own users sets GetToken in Config, not Data.
type connection struct {
	client *centrifuge.Client
	number atomic.Int64 // of the current connection: it grows each time that the SDK connects
	ended  chan string  // has the reason if the SDK does not reconnect
}

// connect connects twice without a token: it must reconnect as the same visitor.
func connect(url, token string) (*connection, error) {
	known := map[string]string{}
	if token != "" {
		known["token"] = token
	}
	data, err := json.Marshal(known)
	if err != nil {
		return nil, err
	}
	c := &connection{
		client: centrifuge.NewJsonClient(url, centrifuge.Config{Data: data}),
		ended:  make(chan string, 1),
	}
	hello := make(chan string, 1)
	c.client.OnConnected(func(event centrifuge.ConnectedEvent) {
		c.number.Add(1)
		reply, _ := read[struct{ Token string }](event.Data)
		select {
		case hello <- reply.Token:
		default:
		}
	})
	c.client.OnDisconnected(func(event centrifuge.DisconnectedEvent) {
		select {
		case c.ended <- event.Reason:
		default:
		}
	})
	if err := c.client.Connect(); err != nil {
		return nil, err
	}
	select {
	case given := <-hello:
		if given == token {
			return c, nil
		}
		c.client.Close()
		return connect(url, given)
	case reason := <-c.ended:
		return nil, errors.New(reason)
	}
}

// session makes a call that returns a session.
func (c *connection) session(method string, request any) (*session, error) {
	data, err := c.call(method, request)
	if err != nil {
		return nil, err
	}
	reply := &session{cameBy: c.number.Load()}
	return reply, json.Unmarshal(data, reply)
}

// call retries until there is a reply, for about a minute.
func (c *connection) call(method string, request any) ([]byte, error) {
	data, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	for tries, delay := 1, 100*time.Millisecond; ; tries, delay = tries+1, min(2*delay, 5*time.Second) {
		reply, err := c.once("ai:"+method, data)
		if err == nil {
			return reply, nil
		}
		var refusal *centrifuge.Error
		// whether the call had its effect is unknown
		again := c.client.State() != centrifuge.StateDisconnected
		if errors.As(err, &refusal) {
			again = refusal.Temporary && refusal.Code != 429
		}
		if !again || tries == 20 {
			return nil, err
		}
		time.Sleep(delay)
	}
}

func (c *connection) once(method string, data []byte) ([]byte, error) {
	patience, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	reply, err := c.client.RPC(patience, method, data)
	return reply.Data, err
}
