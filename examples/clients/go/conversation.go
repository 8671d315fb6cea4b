package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

// How long an open answer may be silent before a check: at first, and at most.
const (
	silence        = 10 * time.Second
	longestSilence = time.Minute
)

// conversation is the exact state of a conversation. `changed` signals that something is new.
type conversation struct {
	changed    chan struct{}
	connection *connection

	mu           sync.Mutex
	session      *session        // the latest one; its messages grow with the publications
	fresh        bool            // not shown yet
	gone         bool            // deleted, or another user's
	contained    map[string]int  // of open answers: the last seq that their parts contain
	sought       map[string]bool // unknown ids for which the conversation was opened once
	delay        time.Duration
	came         int // number of publications
	subscription *centrifuge.Subscription
}

// begin follows the conversation in the session that a call returns: "send" or "open".
func begin(connection *connection, method string, request any) (*conversation, error) {
	first, err := connection.session(method, request)
	if err != nil {
		return nil, err
	}
	c := &conversation{
		connection: connection, session: first, fresh: true,
		changed: make(chan struct{}, 1), sought: map[string]bool{}, delay: 100 * time.Millisecond,
	}
	if err := c.follow(); err != nil {
		return nil, err
	}
	go c.watch()
	return c, nil
}

func (c *conversation) follow() error {
	var own *centrifuge.Subscription
	own, err := c.connection.client.NewSubscription(c.session.Channel, centrifuge.SubscriptionConfig{
		GetState: func(centrifuge.SubscriptionGetStateEvent) (centrifuge.StreamPosition, error) {
			return c.state(own)
		},
	})
	if err != nil {
		return err
	}
	// events of an abandoned subscription are ignored: the next one receives them again
	ifCurrent := func(do func()) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.subscription == own {
			do()
			c.tell()
		}
	}
	own.OnSubscribed(func(event centrifuge.SubscribedEvent) {
		ifCurrent(func() {
			// an empty epoch is valid only for the connection that brought it
			stale := c.session.Since.Epoch == "" && c.session.cameBy != c.connection.number.Load()
			c.session.Since.Epoch = event.StreamPosition.Epoch
			if stale || !event.Recovered {
				c.again()
			}
		})
	})
	own.OnPublication(func(event centrifuge.PublicationEvent) { ifCurrent(func() { c.take(event.Data) }) })
	// not by us: the conversation was deleted, or belongs to another user
	own.OnUnsubscribed(func(centrifuge.UnsubscribedEvent) { ifCurrent(func() { c.gone = true }) })
	c.mu.Lock()
	c.subscription = own
	c.mu.Unlock()
	return own.Subscribe()
}

// state is called by the SDK first, and whenever it could not recover.
func (c *conversation) state(own *centrifuge.Subscription) (centrifuge.StreamPosition, error) {
	c.mu.Lock()
	opened, fresh, id := c.session, c.fresh, c.session.Conversation
	c.mu.Unlock()
	var err error
	if !fresh {
		opened, err = c.connection.session("open", map[string]any{"conversation": id})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.tell()
	if err != nil {
		var refusal *centrifuge.Error // a temporary one is not final: the SDK asks again
		c.gone = errors.As(err, &refusal) && !refusal.Temporary
		return centrifuge.StreamPosition{}, err
	}
	if c.subscription != own {
		return centrifuge.StreamPosition{}, centrifuge.ErrSubscriptionUnsubscribed
	}
	c.session, c.fresh, c.contained = opened, false, map[string]int{}
	if opened.Generation != nil {
		c.contained[opened.Generation.Message] = opened.Generation.Seq
	}
	return centrifuge.StreamPosition{Offset: opened.Since.Offset, Epoch: opened.Since.Epoch}, nil
}

// again starts over with another session. Handlers must not wait for the SDK.
func (c *conversation) again() {
	given, delay := c.subscription, c.delay
	c.subscription = nil
	c.delay = min(2*c.delay, 5*time.Second)
	go func() {
		_ = given.Unsubscribe()
		_ = c.connection.client.RemoveSubscription(given)
		time.Sleep(delay)
		_ = c.follow() // fails only if the client was closed
	}()
}

// watch opens the conversation again if an open answer is silent: if its last publication is lost,
// no later one reveals the gap.
func (c *conversation) watch() {
	wait, came := silence, 0
	for {
		time.Sleep(wait)
		c.mu.Lock()
		switch {
		case c.gone:
			c.mu.Unlock()
			return
		case came != c.came || !slices.ContainsFunc(c.session.Messages, (*message).expected):
			wait, came = silence, c.came
		default:
			wait = min(2*wait, longestSilence)
			if c.subscription != nil && c.subscription.State() == centrifuge.SubStateSubscribed {
				c.again()
			}
		}
		c.mu.Unlock()
	}
}

func (c *conversation) tell() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *conversation) take(data []byte) {
	var kind struct{ Type string }
	if json.Unmarshal(data, &kind) != nil {
		return
	}
	c.came++
	switch kind.Type {
	case "message":
		if joined, ok := read[joinedPublication](data); ok {
			c.join(joined.Message, joined.After)
		}
	case "chunks":
		if more, ok := read[chunksPublication](data); ok {
			c.grow(more)
		}
	case "removed":
		if removed, ok := read[removedPublication](data); ok {
			c.session.Messages = slices.DeleteFunc(c.session.Messages, func(m *message) bool {
				return slices.Contains(removed.Messages, m.ID)
			})
		}
	case "deleted":
		c.gone = true
	}
}

func (c *conversation) place(id string) int {
	return slices.IndexFunc(c.session.Messages, func(m *message) bool { return m.ID == id })
}

// join adds a message at the end; false if the conversation must be opened again.
func (c *conversation) join(joined *message, after string) bool {
	if c.place(joined.ID) >= 0 || c.sought[after] {
		return true
	}
	if after != "" && c.place(after) < 0 {
		c.sought[after] = true
		c.again()
		return false
	}
	c.session.Messages = append(c.session.Messages, joined)
	return true
}

func (c *conversation) grow(more chunksPublication) {
	place, contained := c.place(more.Message), c.contained[more.Message]
	if more.Seq <= contained || (place >= 0 && c.session.Messages[place].closed()) {
		return
	}
	if more.Seq > contained+1 {
		c.again()
		return
	}
	if place < 0 {
		if more.Prompt != nil {
			if !c.join(more.Prompt, more.After) {
				return
			}
			c.join(more.Prompt, "")
			c.session.Messages = c.session.Messages[:c.place(more.Prompt.ID)+1]
		}
		c.session.Messages = append(c.session.Messages, &message{ID: more.Message, Role: "assistant"})
		place = len(c.session.Messages) - 1
	}
	for _, data := range more.Chunks {
		c.session.Messages[place].apply(data)
	}
	c.contained[more.Message] = more.Seq
	c.delay = 100 * time.Millisecond
}

// answer returns the text and metadata of the answer to a prompt, if there is one yet.
func (c *conversation) answer(prompt string) (text string, about metadata, closed, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	place := c.place(prompt) + 1
	if place == 0 || place >= len(c.session.Messages) {
		return "", metadata{}, false, c.gone
	}
	found := c.session.Messages[place]
	var whole strings.Builder
	for _, each := range found.Parts {
		if each.Type == "text" {
			whole.WriteString(each.Text)
		}
	}
	return whole.String(), found.Metadata, found.closed(), c.gone
}
