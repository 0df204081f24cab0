// SPDX-License-Identifier: MIT
// The greeting and the files of a folder, as Express's own first page shows them: node express.js PORT FOLDER.
const express = require('express')
const app = express()
app.get('/hello', (request, answer) => answer.type('text/plain').send('hello, world\n'))
app.use(express.static(process.argv[3]))
app.listen(Number(process.argv[2]), '127.0.0.1')
