"""Pictures of a region: what lies where, in one language of signs and colours (palette.py).

heapmap.py says what is drawn. text.py draws it as lines of segments, byte_view.py draws single
bytes so, and painting.py gives segments their colour. svg.py draws for files, notebook.py for
notebooks; element.py is what each SVG stands in. summary.py puts figures into words. run.py says
what the picture of a whole run is made of, timeline.py draws it.
"""
