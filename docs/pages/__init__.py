"""What Sphinx needs beside its own extensions: formulas as MathML, and the pages that are generated."""
