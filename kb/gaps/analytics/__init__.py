"""What the journal says of the floor and of the base: numbers, each with the rows behind it.

`asked` makes a row of each search; `view` says which are looked at; `searches`, `reuse`, `feedback` and
`coaching` count them. Only real calls count; the sample's are counted by themselves.
"""
