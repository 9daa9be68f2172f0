package pool

// Hold keeps the pool from changing until release is called: workers that finish
// their task look at the queue, and go no further.
func (p *Pool) Hold() (release func()) {
	p.mu.Lock()
	return p.mu.Unlock
}
