/* A lab text, from the Markdown that people write to the HTML that they read. */
#ifndef SERVER_LAB_H
#define SERVER_LAB_H

struct evbuffer;
struct scene;

/* A whole page: the text in an <article class="lab">, a <section> for each part. The hints open one
 * at a time, and what follows them, the answer, is folded away. Where commands name the usual
 * addresses, this server's stand instead. 0 or -ENOMEM. */
int lab_html(const struct scene *scene, struct evbuffer *out);

#endif
