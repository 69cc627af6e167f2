//! The shell blocks of a page, with the output that the page promises.

/// One shell block.
pub(crate) struct Block {
    /// Its line in the page, from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
    /// The lines of the `text` block that follows it.
    pub(crate) expected: Vec<String>,
}

/// All shell blocks, in their order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let content: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        match language {
            "sh" => {
                blocks.push(Block { line: at + 1, text: content.join("\n") + "\n", expected: Vec::new() })
            }
            "text" => {
                let block = blocks.last_mut().expect("output follows a command");
                block.expected = content.into_iter().map(str::to_owned).collect();
            }
            _ => {}
        }
    }
    blocks
}
