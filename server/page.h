/*
 * The page for people: scenes, budgets and labs beside the profiler's live charts. It is made of
 * the files in ui/ and draws itself from /scenes and /stats.
 */
#ifndef SERVER_PAGE_H
#define SERVER_PAGE_H

struct evhttp_request;
struct scene;

void page_root(struct evhttp_request *request);

/* One of its files. 0, or -ENOENT and nothing is answered. */
int page_file(struct evhttp_request *request, const char *name);

/* A scene's lab text, as a page of its own; `/` takes the text out of it. */
void page_lab(struct evhttp_request *request, const struct scene *scene);

#endif
