"""What a visitor reads when a page fails in a way nobody foresaw."""

from __future__ import annotations

import streamlit as st

# In both languages and without a look-up: the words, or the picker of the language, may be what failed.
SENTENCE = (
    "This page could not be drawn; the details are in the server's log. "
    "Change a choice above, or open the page again without the part of its address after “?”.  \n"
    "页面未能显示，详细信息已写入服务器日志。请更改上方的选项，或去掉网址中“?”之后的部分再打开。"
)


def show_error(error: Exception) -> bool:
    """Draw `SENTENCE` in place of the traceback of `error`, and return True: handled.

    The handler for `st.App(on_script_error=…)`. Streamlit writes the traceback to the log before it calls
    this function, and shows its own box only where the answer is not True. Nothing of `error` reaches the
    page: its text may quote an upload or a path.
    """
    del error
    st.error(SENTENCE, icon=":material/error:")
    return True
