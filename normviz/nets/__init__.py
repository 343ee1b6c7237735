"""Everything that computes with torch, Pillow or scikit-learn; it hands over the plain records of the core.

Importing this package imports none of them. It tells OpenMP's idle threads to sleep instead of spinning, to
be said before torch is first imported: spinning threads of many sessions take each other's cores.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
