package server

// Idle reports whether nobody has the role of s.
func Idle[Req, Resp any](s *Server[Req, Resp]) bool { return s.role != nil && !s.role.ring.Owned() }

// Started reports whether s is past Start.
func Started[Req, Resp any](s *Server[Req, Resp]) bool { return s.stage.Load() >= stageServing }
