"""The values that cross Clockface's seams: frozen, one module a subject.

In the order in which they come to be: `identity` (names of everything), `faces` (what a picture shows),
`verdicts` (what was made of it), `punches` (what is recorded), `announcements` (what the employee is told);
besides `camera`, `clock` and `people`. Pixels are counted from the image's upper left corner; arrays say
shape, dtype, colour order and range. A value that holds an image, a template or a person's data must never
be logged: `clockface.logs` refuses it.
"""
