package dispatcher

// Places returns how many places in flight are taken.
func Places[Req, Resp any](d *Dispatcher[Req, Resp]) int { return len(d.permits) }
