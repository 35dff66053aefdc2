"""Pictures of a region: what lies where, in one language of signs and colours (palette.py).

heapmap.py says what is drawn; text.py draws it as lines of segments, byte_view.py single bytes.
painting.py gives segments their colour. svg.py draws for files, notebook.py for notebooks;
summary.py puts figures into a line. run.py says what a whole run is made of,
timeline.py draws it.
"""
