//! What a guest has in its memory, laid out as the canonical ABI wants it.

use super::len;

/// Bytes from an address on; everything put in begins at a multiple of 8.
pub(crate) struct Image {
    base: u32,
    bytes: Vec<u8>,
}

/// A stream's record, as a guest would return it.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) id: Vec<u8>,
    pub(crate) url: String,
    pub(crate) label: Vec<u8>,
    /// Of one header rule for every host.
    pub(crate) headers: Vec<(String, String)>,
    /// Its media are fetched with the site's cookies.
    pub(crate) cookies: bool,
}

/// Where a text or list lies, and its length.
pub(crate) type Slice = (u32, u32);

impl Record {
    pub(crate) fn new(id: &str, url: &str) -> Self {
        Self {
            id: id.into(),
            url: url.into(),
            label: id.into(),
            headers: Vec::new(),
            cookies: false,
        }
    }
}

impl Image {
    /// Where a guest's own data begins.
    pub(crate) const BASE: u32 = 8192;

    pub(crate) fn new() -> Self {
        Self::at(Self::BASE)
    }

    pub(crate) fn at(base: u32) -> Self {
        Self {
            base,
            bytes: Vec::new(),
        }
    }

    pub(crate) fn end(&self) -> u32 {
        self.base + len(&self.bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn put(&mut self, bytes: impl AsRef<[u8]>) -> Slice {
        let at = self.end();
        self.bytes.extend(bytes.as_ref());
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        (at, len(bytes))
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(bytes).0
    }

    pub(crate) fn strings(&mut self, texts: &[String]) -> Slice {
        let places: Vec<Slice> = texts.iter().map(|text| self.put(text)).collect();
        let words: Vec<u32> = places.iter().flat_map(|(at, len)| [*at, *len]).collect();
        (self.words(&words), u32::try_from(texts.len()).unwrap())
    }

    /// A list of name and value.
    pub(crate) fn fields(&mut self, fields: &[(String, String)]) -> Slice {
        let texts: Vec<String> = fields
            .iter()
            .flat_map(|(name, value)| [name.clone(), value.clone()])
            .collect();
        let (at, count) = self.strings(&texts);
        (at, count / 2)
    }

    /// `err(other(text))`; a pointer to it.
    pub(crate) fn other(&mut self, text: Slice) -> u32 {
        self.error(7, text)
    }

    /// `err` of one of the cases of `extract-error`, with what it carries.
    pub(crate) fn error(&mut self, case: u32, (at, len): Slice) -> u32 {
        self.words(&[1, case, at, len])
    }

    /// Where what was put in lies, wherever that is.
    pub(crate) fn find(&self, text: &str) -> u32 {
        let mut windows = self.bytes.windows(text.len());
        let at = windows.position(|window| window == text.as_bytes());
        self.base + u32::try_from(at.unwrap()).unwrap()
    }

    /// `ok` with a list that lies there already; a pointer to it.
    pub(crate) fn ok(&mut self, (at, count): Slice) -> u32 {
        self.words(&[0, at, count, 0])
    }

    /// `ok` with these records; a pointer to it.
    pub(crate) fn streams(&mut self, records: &[Record]) -> u32 {
        let mut list = Vec::new();
        for record in records {
            let (id, url) = (self.put(&record.id), self.put(&record.url));
            let label = self.put(&record.label);
            let headers = self.fields(&record.headers);
            let rules = self.words(&[0, 0, headers.0, headers.1]);
            let rule_count = u32::from(!record.headers.is_empty());
            list.extend([id.0, id.1, url.0, url.1]); // id, url
            list.extend([0, label.0, label.1]); // kind: hls, label
            list.extend([0; 3]); // language: none
            list.extend([0; 8]); // quality: none
            list.extend([rules, rule_count, u32::from(record.cookies)]); // request
            list.extend([0; 5]); // (padding) expires-at: none
            list.extend([0, 0]); // protection: none, rank
            list.extend([0; 2]); // attributes: []
        }
        let at = self.words(&list);
        self.ok((at, u32::try_from(records.len()).unwrap()))
    }

    /// A GET of `url` as the arguments of `send`; the answer goes to `answer`.
    pub(crate) fn get(&mut self, url: &str, answer: u32) -> String {
        self.send(url, (0, 0), (0, 0, 0), answer)
    }

    /// A request with headers that lie there already, and a body: which case,
    /// and where it lies.
    pub(crate) fn send(
        &mut self,
        url: &str,
        headers: Slice,
        body: (u32, u32, u32),
        answer: u32,
    ) -> String {
        let url = self.put(url);
        // Follows 5 redirects, default timeout and size, with cookies.
        [
            0, url.0, url.1, headers.0, headers.1, body.0, body.1, body.2, 1, 5, 0, 0, 0, 0, 1,
            answer,
        ]
        .map(|word| format!("i32.const {word}"))
        .join(" ")
            + " call $send"
    }

    /// A list of `count` GETs of `url`, for `send-all`.
    pub(crate) fn requests(&mut self, url: &str, count: u32) -> Slice {
        let url = self.put(url);
        self.gets((0..count).map(|_| url))
    }

    /// A list of GETs, one of each of `urls`, for `send-all`.
    pub(crate) fn requests_of(&mut self, urls: &[String]) -> Slice {
        let urls: Vec<Slice> = urls.iter().map(|url| self.put(url)).collect();
        self.gets(urls.into_iter())
    }

    fn gets(&mut self, urls: impl Iterator<Item = Slice>) -> Slice {
        let one = |url: Slice| {
            [
                0, url.0, url.1, // method: get, url
                0, 0, // headers
                0, 0, 0,      // body: empty
                0x0501, // redirects: follow(5)
                0, 0, // timeout: none
                0, 0, // max-body: none
                1, // cookies
            ]
        };
        let all: Vec<[u32; 14]> = urls.map(one).collect();
        let count = u32::try_from(all.len()).unwrap();
        (self.words(all.as_flattened()), count)
    }
}
