/*
 * The page for people: scenes, budgets and labs beside the profiler's live charts. It consists of
 * the files in ui/. Its script draws it from /scenes and /stats.
 */
#ifndef SERVER_PAGE_H
#define SERVER_PAGE_H

struct evhttp_request;
struct scene;

void page_root(struct evhttp_request *request);

/* Answers with one of its files. 0; -ENOENT: nothing is answered. */
int page_file(struct evhttp_request *request, const char *name);

/* Answers with the lab text of a scene as a page of its own. The script of `/` shows a part of it.
 */
void page_lab(struct evhttp_request *request, const struct scene *scene);

#endif
