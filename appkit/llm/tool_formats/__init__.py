"""How models are shown tools and write calls: their own formats, and ours for models that know none.

Tools and calls are words of the SDK, so this lives here and not with the runtime's tokenizers: the runtime sees a
conversation that is ready to be rendered, and a grammar.
"""
