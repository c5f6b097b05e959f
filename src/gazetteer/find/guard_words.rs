//! Words that make the letters of a place something else: somebody, a firm, a street, a dish. Phrases in small letters,
//! parted by semicolons.

/// Right before a name: whoever is called so is a person.
pub(super) const PERSONS: &str = "\
    ông; bà; anh; chị; em; cô; chú; bác; cậu; dì; thím; mợ; cụ; bé; cháu; thầy; cô giáo; thầy giáo; đồng chí; đ/c; \
    bạn; nhạc sĩ; ca sĩ; nghệ sĩ; nghệ nhân; họa sĩ; nhà thơ; nhà văn; nhà báo; diễn viên; đạo diễn; cầu thủ; tiền \
    đạo; thủ môn; tiền vệ; trung vệ; huấn luyện viên; hlv; vận động viên; vđv; võ sĩ; bác sĩ; dược sĩ; kỹ sư; luật \
    sư; tiến sĩ; thạc sĩ; giáo sư; pgs; ts; gs; ths; nsnd; nsưt; chủ tịch; phó chủ tịch; bí thư; phó bí thư; giám \
    đốc; phó giám đốc; trưởng phòng; hiệu trưởng; tổng giám đốc; liệt sĩ; anh hùng; chiến sĩ; đại tá; thượng tá; \
    trung tá; thiếu tá; đại úy; thượng úy; trung úy; thiếu úy; thiếu tướng; trung tướng; thượng tướng; đại tướng; mẹ; \
    bố; cha; con; vợ; chồng; con gái; con trai; tên; tên là; mc; phóng viên; pv; tác giả; biên tập viên; người mẫu; \
    hoa hậu; á hậu; bị can; bị cáo; đối tượng; vua; chúa; tướng; công chúa; thánh; đức; thiền sư; hòa thượng; thượng \
    tọa; đại đức; linh mục; ca nương; danh nhân; danh tướng; thủ tướng; tổng bí thư; chủ tịch nước; gia đình; nhà; \
    bác sỹ; ca sỹ; nghệ sỹ; nhạc sỹ; họa sỹ; tiến sỹ; thạc sỹ; võ sư; võ sỹ; lương y; y sĩ; y sỹ; điều dưỡng; hộ \
    sinh; nha sĩ; kiến trúc sư; kts; nhà giáo; ngnd; ngưt; nhà sử học; nhà nghiên cứu; nhà khoa học; nhiếp ảnh gia; \
    nhà quay phim; nhà sản xuất; biên kịch; nghệ danh; biệt danh; bút danh; soạn giả; danh ca; danh hài; nghệ sĩ ưu \
    tú; nghệ sĩ nhân dân; hoa khôi; lái tàu; tài xế; phi công; thuyền trưởng; tiếp viên; tỉ phú; tỷ phú; đại gia; ông \
    chủ; bà chủ; chủ nhiệm; phó chủ nhiệm; viện trưởng; viện phó; cục trưởng; vụ trưởng; chi cục trưởng; phó trưởng \
    phòng; hiệu phó; phó hiệu trưởng; trưởng thôn; trưởng bản; trưởng khu; trưởng ban; trưởng nhóm; trưởng đoàn; tổ \
    trưởng; đội trưởng; đội phó; đại đội trưởng; già làng; nghi phạm; nghi can; hung thủ; tử tù; phạm nhân; thẩm \
    phán; kiểm sát viên; điều tra viên; luật gia; hiệp sĩ; dũng sĩ; sư thầy; ni sư; giám mục; mục sư; hoàng hậu; \
    hoàng đế; thái sư; trạng nguyên; cử nhân; đại sứ; bộ trưởng; thứ trưởng; chủ tịch hđqt; chủ tịch hội đồng quản \
    trị; tổng thư ký; thư ký; chàng; nàng; gã; lão; mụ; ả; con rể; con dâu; con nuôi; cháu gái; cháu trai; cháu nội; \
    cháu ngoại; chị gái; em gái; em trai; anh trai; em bé; bé gái; bé trai; chị dâu; anh rể; em rể; bà nội; ông nội; \
    bà ngoại; ông ngoại; bố đẻ; mẹ đẻ; hậu vệ; thủ thành; đội trưởng đội bóng; trọng tài; chủ công; phụ công; libero; \
    chuyền hai; tay vợt; tay đua; kình ngư; kỳ thủ; xạ thủ; cơ thủ; đô vật; tân binh; ngoại binh; đồng nghiệp; nữ ca \
    sĩ; nam ca sĩ; nữ diễn viên; nữ nghệ sĩ; thượng sĩ; trung sĩ; hạ sĩ; thiếu sinh quân; binh nhất; binh nhì; chuẩn \
    đô đốc; đô đốc; tư lệnh; chính ủy; chính trị viên; đại đội phó; đ . c; nsut; gs . ts; pgs . ts; ts . bs; bs; ks; \
    ls; thợ cả; chủ xe; chủ quán; chủ cửa hàng; chủ xưởng; chủ nhà; người tên; mang tên; tự xưng; thủ khoa; á khoa; á \
    khôi; bạn đọc; độc giả; người đàn ông tên; người phụ nữ tên; nữ sinh; nam sinh; cụ ông; cụ bà; cậu bé; cô bé; cô \
    gái; chàng trai; vợ chồng; vợ chồng anh; anh chị; chị em; hai mẹ con; bác tài; lời; nhạc; đại biểu quốc hội; nhân \
    vật; kế toán trưởng; kế toán; thủ kho; y tá; thợ; thợ mộc; thợ điện; chú bộ đội; anh bộ đội; mẹ con; cô bạn; cậu \
    bạn; cựu tuyển thủ; tuyển thủ; danh thủ";

/// Right before a name, with a capital: the name of a person goes on (the commonest surnames, and those of the peoples
/// of the north and the highlands).
pub(super) const SURNAMES: &str = "\
    nguyễn; trần; lê; phạm; hoàng; huỳnh; phan; vũ; võ; đặng; bùi; đỗ; hồ; ngô; dương; lý; đinh; đoàn; lâm; trịnh; \
    đào; mai; trương; cao; lương; phùng; hà; tạ; tô; chu; châu; thái; tống; triệu; vương; la; quách; kiều; khổng; hán; \
    cù; doãn; giang; lưu; lại; mạc; ma; nông; bế; hứa; lò; quàng; cà; tòng; lường; vì; giàng; vàng; sùng; thào; hạng; \
    mùa; cầm; hờ; đồng; bạch; tăng; thân; trưng; từ; ông; nghiêm; âu; diệp; đàm; đan; đậu; điêu; kim; kha; khuất; \
    khương; lục; lã; lữ; mẫn; ngụy; nhữ; ninh; phí; phương; quản; thạch; thiều; tiêu; ung; văn; viên; xa; sa; siu; \
    ksor; rmah; rơ; kpă; nay; niê; h; y; k; tôn; bàn; đèo; lù; tráng; tẩn; chảo; lèng; thượng; hầu; hoa; cấn; thiệu; \
    mã; đới; cung; chử; chúc; bành; vi; thang; viêm; ngọ; nùng; lầu; cư; và; vừ; ly; phàn; lo; sìn; pờ";

/// What only people do.
pub(super) const SPEECH: &str = "\
    nói; kể; cho biết; chia sẻ; tâm sự; bộc bạch; cười; tâm niệm; bày tỏ; trả lời; nhớ lại; giãi bày; thổ lộ; cho hay; \
    khẳng định; sinh năm; mỉm cười; khóc; bật khóc; kể lại; trầm ngâm; rưng rưng; ngậm ngùi; khai nhận; lắc đầu; gật đầu; \
    đáp; hỏi; thở dài; thủ thỉ; tiết lộ; thú nhận; bồi hồi";

/// What an organisation, a paper or a brand is called by.
pub(super) const ORGANISATIONS: &str = "\
    công ty; cty; đội; tổng công ty; tập đoàn; doanh nghiệp tư nhân; xí nghiệp; nhà máy; ngân hàng; agribank; \
    vietinbank; vietcombank; bidv; bảo việt; viettel; vnpt; mobifone; điện lực; pc; evn; hợp tác xã; htx; tổ hợp tác; \
    báo; đài; tạp chí; nxb; nhà xuất bản; liên đoàn; hiệp hội; trường; đại học; học viện; cao đẳng; thpt; thcs; tiểu \
    học; mầm non; trung tâm thương mại; đoàn nghệ thuật; nhà hát; xổ số; vks; hội đồng hương; nhà in; bảo hiểm; hội \
    nhạc sĩ; nhà máy in; quỹ tín dụng; quỹ tín dụng nhân dân; sacombank; techcombank; mbbank; hdbank; shb; acb; \
    vpbank; tpbank; lpbank; lienvietpostbank; seabank; vib; msb; bưu điện; bưu chính; viễn thông; petrolimex; \
    vinaphone; pvoil; xăng dầu; cấp nước; vietnam airlines; vietjet; bamboo airways; becamex; vingroup; sungroup; \
    thông tấn xã; truyền hình; phát thanh; phát thanh truyền hình; phát thanh - truyền hình; phát thanh , truyền \
    hình; phát thanh và truyền hình; báo và phát thanh , truyền hình; ptth; pt - th; pt & th; pt và th; thời báo; \
    nhật báo; tuần báo; đặc san; kênh truyền hình; viện nghiên cứu; viện; phân viện; nhà trẻ; trung tâm đào tạo; \
    trung tâm ngoại ngữ; đoàn cải lương; đoàn chèo; đoàn xiếc; đoàn ca múa; đoàn ca múa nhạc; đoàn kịch; dàn nhạc; \
    hội sở; chi nhánh; văn phòng luật sư; văn phòng công chứng; phòng công chứng; tòa soạn; chứng khoán; cổ phiếu; \
    sàn chứng khoán; lâm trường; nông trường; tnhh; hãng phim; hãng hàng không; hãng tàu; hãng taxi; hãng xe khách; \
    hãng bay; trường đại học; trường cao đẳng; trường trung cấp; trung cấp; trường chuyên; ptdtnt; ptth chuyên; thpt \
    chuyên; đại chủng viện; tổng kho; công ty con; liên doanh; startup; khu liên hợp; nhiệt điện than; dệt may; dệt \
    kim; dược phẩm; lương thực; samsung; honda; toyota; formosa; vinhomes; canon; trung tâm anh ngữ; trung tâm tiếng \
    anh; trung tâm tin học; trung tâm gia sư; trung tâm tiệc cưới; trung tâm nha khoa; trung tâm tiêm chủng; trung \
    tâm điện máy; trung tâm bảo hành; nhạc viện; đại học quốc gia; đhqg; đh";

/// Streets and lines.
pub(super) const STREETS: &str = "\
    đường; phố; ngõ; ngách; hẻm; đại lộ; quốc lộ; tỉnh lộ; cao tốc; đường cao tốc; đường sắt; tuyến; tuyến đường; \
    vành đai; tuyến phố; đường phố; ngã tư; vòng xuyến; quảng trường; công viên; dốc; xa lộ; hương lộ; huyện lộ; \
    đường tỉnh; đường huyện; đường làng; đường tàu; phố đi bộ; phố cổ; ngã năm; ngã sáu; tuyến metro; metro; tuyến xe \
    buýt; tuyến buýt; tuyến cao tốc; đường vành đai; đường bay; đường ống; cung đường; chặng; chặng bay; \
    đoạn tuyến; nút giao; bùng binh; kiệt; cư xá";

/// Parts of a commune.
pub(super) const VILLAGES: &str = "\
    thôn; bản; khu; xóm; tổ; khóm; ấp; làng; buôn; sóc; plei; khu dân cư; khu phố; tổ dân phố; tdp; phum; xứ; trại; \
    đội sản xuất; làng nghề; làng cổ; làng văn hóa; kp; kdc; ấp văn hóa; làng chài; làng hoa; tiểu khu; cụm dân cư; \
    khu tập thể; tập thể; điểm dân cư; làng nghề truyền thống; xóm đạo; xóm chài; xóm núi; phum sóc; khối; khối phố";

/// Waters, mountains, and what is built and named after its place.
pub(super) const LANDMARKS: &str = "\
    sông; suối; hồ; núi; đèo; đồi; thác; đảo; đầm; vịnh; biển; rừng; hang; cửa khẩu; cửa biển; bãi biển; quần đảo; \
    bán đảo; cầu; ga; chợ; cảng; bến; bến xe; bến phà; phà; đập; thủy điện; nhiệt điện; nhà máy thủy điện; đình; đền; \
    chùa; miếu; lăng; nhà thờ; giáo xứ; giáo phận; sân bay; sân vận động; svđ; sân; bệnh viện; bvđk; khu công nghiệp; \
    kcn; cụm công nghiệp; ccn; khu di tích; khu du lịch; kdl; bảo tàng; tượng đài; di tích; nghĩa trang; trạm; trạm \
    bơm; kênh; ngòi; cao nguyên; thành cổ; nhà tù; vườn quốc gia; khu bảo tồn; khu kinh tế; tháp; cột cờ; nhà văn \
    hóa; rạp; đồn biên phòng; dãy; dãy núi; dòng sông; nhà thi đấu; nhà máy nước; trạm biến áp; lòng hồ; vùng hồ; ao; \
    kè; đê; cù lao; bãi; khe; mỏ; cánh đồng; bến đò; bến cảng; hầm; cống; hang động; mũi; tổ hợp; thành nhà; khu đô \
    thị; khu tưởng niệm; đỉnh; đỉnh núi; ngọn núi; rặng; lạch; rạch; vàm; cồn; bàu; hòn; hòn đảo; thung lũng; hải \
    đăng; phủ; thiền viện; tu viện; thánh thất; tịnh xá; văn miếu; nhà rông; đài tưởng niệm; nhà lưu niệm; bến tàu; \
    ga tàu; nhà ga; ga đường sắt; ga quốc tế; cảng hàng không; cảng hàng không quốc tế; cảng biển; cảng cá; cảng \
    sông; sân bay quốc tế; hầm đường bộ; cầu vượt; cầu treo; cầu cảng; cầu đường sắt; trạm thu phí; bot; hồ chứa; hồ \
    chứa nước; hồ thủy điện; hồ thủy lợi; âu thuyền; nhà máy điện; điện gió; điện mặt trời; kđt; khu lưu niệm; khu \
    sinh thái; khu du lịch sinh thái; sân golf; cáp treo; bệnh viện đa khoa; bệnh viện đa khoa khu vực; chợ nổi; chợ \
    đầu mối; chợ phiên; chợ đêm; khu bảo tồn thiên nhiên; vqg; khu công nghệ cao; trại giam; trại tạm giam; nhà ngục; \
    hải cảng; bờ sông; lưu vực; lưu vực sông; thượng lưu; bãi đá; bãi tắm; ghềnh; truông; khu rừng; rừng quốc gia; \
    rừng đặc dụng; vườn; ngọn đồi; chân núi; chân đèo; hồ nước; dòng; ngôi chùa; ngôi đền; ngôi đình; cụm di tích; \
    quần thể; thắng cảnh; danh thắng; đồn; pháo đài";

/// What is named after where it is from.
pub(super) const PRODUCTS: &str = "\
    chè; bưởi; bia; rượu; phở; bún; cá; gà; lợn; bò; cam; vải; nhãn; mì; miến; bánh; kẹo; trà; thịt; nem; giò; nước \
    mắm; xoài; thanh long; quýt; hồng; chuối; dứa; gạo; sầu riêng; cốm; lụa; gốm; nón; cà phê; hồ tiêu; bánh chưng; \
    bánh cuốn; mận; táo; nho; tỏi; mật ong; vịt; dê; sâm; quế; mắm; cơm; xôi; cháo; đặc sản; chả; chả mực; khoai; \
    sắn; ổi; mít; dưa; thuốc lào; hủ tiếu; bánh mì; bánh canh; bánh đa; bánh tráng; áo dài; sữa; su su; mèn mén; \
    thắng cố; rau; nếp; nước khoáng; bún chả; bún bò; chè xanh; bánh tẻ; bánh gai; kẹo lạc; rượu cần; cá lăng; cá \
    lồng; đậu phụ; cơm lam; thịt chua; thịt trâu; măng; hạt điều; hạt dẻ; vịt cỏ; mật mía; rượu nếp; cá bống; gốm sứ; \
    thổ cẩm; nước dừa; dừa; kẹo dừa; gỏi cá; gỏi; hoa đào; chiếu cói; tranh dân gian; tương nếp; tương bần; lúa nếp; \
    tương; nhút; cao lầu; tôm; cua; ghẹ; ngao; nghêu; hàu; lươn; ốc; ếch; yến; yến sào; trâu; ngựa; hoa; đào; quất; \
    sen; tinh dầu; nấm; đông trùng hạ thảo; dược liệu; ngô; bắp; bơ; na dai; gừng; hoa hồi; thảo quả; muối; mía; chôm \
    chôm; măng cụt; lạp xưởng; ruốc; giò chả; xúc xích; kem; nón lá; chiếu; phân lân; xi măng; thép; gạch; ngói; \
    tranh thêu; tranh đông hồ; rối nước; hát xoan; hò; ví giặm; trà sen; trà xanh; bia hơi; nước chấm; tiêu hồ; cà \
    pháo; cà muối; dưa hấu; dưa lê; gà đồi; lợn mán; vịt biển; cá kho; cá thính; cá tra; nem chua; nem nướng; cơm gà; \
    cơm cháy; cơm tấm; lẩu; lẩu cá; bánh phồng tôm; bánh pía; kẹo cu đơ; cu đơ; kẹo mè xửng; mè xửng; nhãn lồng; hạt \
    tiêu; đồ gốm; đồ gỗ; mây tre; giày; cao su; đậu xanh; vải thiều; than; thuốc lá; phân bón; supe; nghề";

/// Events, prizes, campaigns and what else bears a name.
pub(super) const EVENTS: &str = "\
    chiến khu; căn cứ địa; an toàn khu; chiến dịch; chiến thắng; trận; hiệp định; khởi nghĩa; giải; cúp; cuộc thi; \
    festival; lễ hội; phong trào; cuộc vận động; hiệp ước; hòa ước; vụ án; bài hát; ca khúc; phim; bộ phim; vở; vở \
    diễn; tập thơ; tác phẩm; bài thơ; triển lãm; bão; cơn bão; tượng; kỳ quan; huân chương; danh hiệu; thế giới; nhân \
    loại; khát vọng; nền; thanh kiếm; đề án; tư tưởng; đạo đức; phong cách; lăng bác; đường mòn; chủ nghĩa; giải \
    thưởng; quỹ học bổng; học bổng; thời đại; thanh niên cộng sản; tncs; tnxp; thiếu niên tiền phong; dòng họ; họ; \
    giống; nền văn hóa; nhạc phẩm; bản nhạc; bản tình ca; tình ca; trường ca; album; mv; vở chèo; vở kịch; vở cải \
    lương; tuồng; kịch; tiểu thuyết; truyện; truyện ngắn; cuốn sách; tập sách; sách; bút ký; ký sự; tập truyện; bức \
    tranh; bức ảnh; phim tài liệu; bộ phim tài liệu; phim truyện; siêu cúp; giải bóng đá; giải bóng chuyền; giải \
    marathon; giải chạy; giải đua; giải đấu; đại nhạc hội; hội chợ; hội sách; ngày hội; liên hoan; liên hoan phim; \
    tuần lễ; tuần văn hóa; đêm nhạc; hội làng; hội thi; hội đua; hội xuân; sự kiện; thảm sát; vụ thảm sát; binh đoàn; \
    sư đoàn; trung đoàn; tiểu đoàn; lữ đoàn; quân khu; quân đoàn; đại đội; binh chủng; cuộc khởi nghĩa; nghĩa quân; \
    phong trào thi đua; chương trình nghệ thuật; hoạt cảnh; bài ca; khúc ca; hành khúc; kỷ niệm chương; sử thi; \
    truyền thuyết; sự tích; vương triều; triều";

/// The same of what has short names.
pub(super) const BRANDS: &str = "\
    quán; tiệm; shop; gara; hãng; hãng xe; tàu; nhóm; ban nhạc; trang; website; dự án; chương trình; xe buýt; taxi; \
    quỹ; siêu thị; khách sạn; nhà hàng; cửa hàng; thương hiệu; nhãn hiệu; tòa nhà; chung cư; nhà xe; xe khách; \
    resort; khu nghỉ dưỡng; thẩm mỹ viện; phòng khám; nhà thuốc; bộ môn; homestay; farmstay; villa; spa; hiệu; hiệu \
    vàng; tiệm vàng; tiệm bánh; tiệm ảnh; hiệu sách; nhà sách; hiệu thuốc; hiệu ảnh; hiệu bánh; cửa hiệu; đại lý; \
    xưởng; xưởng may; xưởng gỗ; lò bánh; lò gốm; phòng trà; quán ăn; quán cơm; quán bia; quán phở; quán bún; quán ốc; \
    quán nhậu; quán cà phê; quán nước; quán trà; nhà nghỉ; karaoke; quán bar; vũ trường; nhà khách; siêu thị điện \
    máy; điện máy; tttm; cao ốc; tòa tháp; tòa cao ốc; khu phức hợp; khu biệt thự; khu căn hộ; căn hộ; phần mềm; ứng \
    dụng; fanpage; facebook; kênh youtube; du thuyền; tàu du lịch; chuyến tàu; đoàn tàu; tàu hỏa; xe giường nằm; nhóm \
    nhạc; nhóm hài; đoàn phim; chuỗi; chuỗi nhà hàng; nhà vườn; sân chơi; showroom; salon; viện thẩm mỹ; nha khoa; \
    phòng gym; phòng tập; lò võ; võ đường; câu lạc bộ võ thuật; câu lạc bộ thơ; khu vui chơi; khu nghỉ mát; trường \
    quay; nhà đài; tạp hóa; tiệm may; gas; nước sạch; quỹ từ thiện; nhóm thiện nguyện; nhóm từ thiện; câu lạc bộ \
    thiện nguyện; hội quán; nhà may; vàng bạc; nội thất";

/// Teams; those of the young are called by an age (`U15 Phú Thọ`).
pub(super) const TEAMS: &str = "\
    clb; câu lạc bộ; đội bóng; đội tuyển; clb bóng đá; câu lạc bộ bóng đá; đội bóng đá; đội bóng chuyền; đội chủ nhà; đội \
    khách; u 11; u 13; u 14; u 15; u 16; u 17; u 18; u 19; u 20; u 21; u 22; u 23; nữ u 19; nam u 19";

/// What is told of matches only.
pub(super) const MATCHES: &str = "\
    fc; f . c; v . league; v - league; ghi bàn; bàn thắng; bù giờ; trụ hạng; hiệp một; hiệp hai; hiệp 1; hiệp 2; \
    penalty; luân lưu; vòng đấu; lượt trận; lượt đi; lượt về; trận đấu; loạt trận; trận còn lại; chung kết; bán kết; tứ \
    kết; đá phạt; khung thành; sân khách; cầm hòa";

/// After the name of a firm or a team, with a capital.
pub(super) const FIRMS: &str = "\
    fc; f . c; sc; jsc; group; corp; holdings; bank; tower; towers; plaza; hotel; resort; spa; united; futsal; tv; land; \
    city; park; center; centre; airlines; mart; media; news; travel; tourist; tours; foods; food; book; marathon; open; \
    cup; expo; co; ltd; palace; complex; garden; riverside; golf; club; school; university; tech; port; logistics; \
    invest; steel; motor; auto; bus; express; online; store; shop; mall; house; coffee; home; farm; eco; green; star; \
    today; times; post; fashion; beauty; beer";
