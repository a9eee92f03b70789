"""The browser's side: what the pages share. Nothing here or in `pages` computes; that is `imle`'s part."""
